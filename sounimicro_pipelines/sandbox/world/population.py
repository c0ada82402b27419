"""Builds the register from a seed: parties with all the untidiness of real ones, their people, and the projects."""

from __future__ import annotations

import random
import re
import uuid
from datetime import date, timedelta

from sounimicro_pipelines.sandbox.world import names, numbers
from sounimicro_pipelines.sandbox.world.register import (
    Associate,
    ErpCompany,
    Individual,
    Party,
    Place,
    Register,
    Venture,
)

_COMPANY_NAMES = ("Nordlys Installasjon AS", "Brattholm Handel AS")
_ASCII = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "é": "e", "ö": "o", "ä": "a"})


def build_register(
    seed: int = 1, parties: int = 60, companies: int = 2, today: date | None = None, test_company: bool = True
) -> Register:
    """A fictional Norwegian register of `parties` parties known by `companies` ERP companies.

    `today` is the day on which the two years of history end. With `test_company` there is one ERP company more, marked
    as a test company, which nobody should use unasked. The first parties are always the ones the stories are about:
    key 1 is ABB Installasjon AS (customer and supplier in company 1, customer in company 2), key 2 has `Postboks 123`,
    key 4 nearly repeats the name of key 3, key 5 is in the CRM alone, key 6 in the ERP alone, key 7 has an
    organisation number that the CRM writes as `NO 914 123 453 MVA` would be, key 8 has none in the CRM.
    """
    day = today or date(2026, 11, 20)
    rng = random.Random(seed)
    taken: set[str] = set()
    firms = _companies(rng, companies, test_company, taken)
    associates = _associates(rng)
    register = Register(seed, day, firms, associates, [], [])
    _Populate(rng, register, companies, taken).fill(parties)
    return register


def _companies(rng: random.Random, count: int, test_company: bool, taken: set[str]) -> list[ErpCompany]:
    firms = []
    for index in range(1, count + 1):
        name = _COMPANY_NAMES[index - 1] if index <= len(_COMPANY_NAMES) else f"Firma {index} AS"
        firms.append(ErpCompany(index, _guid(rng), name, numbers.new_org_number(rng, taken)))
    if test_company:
        firms.append(
            ErpCompany(count + 1, _guid(rng), "Prøvefirma AS", numbers.new_org_number(rng, taken), is_test=True)
        )
    return firms


def _associates(rng: random.Random) -> list[Associate]:
    people = (("Kari", "Selger"), ("Ola", "Vold"), ("Ingrid", "Åmot"), ("Terje", "Skår"), ("Nina", "Bø"))
    return [
        Associate(
            key, first, last, slug(first + last[0]), f"{slug(first)}.{slug(last)}@nordlys.example", numbers.mobile(rng)
        )
        for key, (first, last) in enumerate(people, start=1)
    ]


def slug(text: str) -> str:
    """A name as it can stand in an address: lower case a–z, 0–9 and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().translate(_ASCII)).strip("-")


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class _Populate:
    def __init__(self, rng: random.Random, register: Register, companies: int, taken: set[str]) -> None:
        self.rng = rng
        self.register = register
        self.companies = companies
        self.taken = taken
        self.domains: set[str] = set()
        self.titles: set[str] = set()
        self.person_key = 0

    def fill(self, count: int) -> None:
        for key in range(1, count + 1):
            party = self._told(key) or self._ordinary(key)
            self.register.parties.append(party)
            self._people(party)
        self._ventures()

    def _told(self, key: int) -> Party | None:
        one = frozenset({1})
        other = frozenset({min(2, self.companies)})
        match key:
            case 1:
                return self._party(key, "ABB Installasjon AS", customer=one | other, supplier=one)
            case 2:
                party = self._party(key, "Fjordvik Mekaniske AS", customer=one)
                party.postal = Place("Postboks 123", "5003", "BERGEN")
                party.street = Place("Kaigata 3", "5003", "BERGEN")
                return party
            case 3:
                return self._party(key, "Havnes Elektro AS", customer=one)
            case 4:
                party = self._party(key, "Havnes Elektro Service AS", customer=one)
                party.near_duplicate_of = 3
                return party
            case 5:
                return self._party(key, "Tindvoll Sveis AS")
            case 6:
                return self._party(key, "Skjærvik Sjømat AS", customer=one, in_crm=False)
            case 7:
                party = self._party(key, "Bekkestad & Sønn Rør AS", customer=one | other)
                party.crm_name = "Bekkestad og Sønn Rør A/S"
                party.crm_org_number = written(party.org_number)
                return party
            case 8:
                party = self._party(key, "Grandal Trelast AS", supplier=one)
                party.crm_org_number = ""
                return party
            case _:
                return None

    def _ordinary(self, key: int) -> Party:
        rng = self.rng
        company = frozenset({rng.randint(1, self.companies)})
        every = frozenset(rng.sample(range(1, self.companies + 1), min(2, self.companies)))
        customer, supplier, in_crm = {
            "customer": (company, frozenset[int](), True),
            "supplier": (frozenset[int](), company, True),
            "wide": (every, frozenset[int](), True),
            "both": (company, company, True),
            "crm": (frozenset[int](), frozenset[int](), True),
            "erp": (company, frozenset[int](), False),
            "erp_supplier": (frozenset[int](), company, False),
        }[
            rng.choices(
                ("customer", "supplier", "wide", "both", "crm", "erp", "erp_supplier"), (42, 18, 12, 6, 9, 8, 5)
            )[0]
        ]
        twin = self.register.parties[-1] if rng.random() < 0.04 else None
        name = near(rng, twin.name) if twin else self._title()
        if name in self.titles and twin:
            name = self._title()
        party = self._party(key, name, customer=customer, supplier=supplier, in_crm=in_crm)
        party.near_duplicate_of = twin.key if twin else None
        fate = rng.random()
        if fate < 0.06:
            party.crm_org_number = ""
        elif fate < 0.10:
            party.erp_org_number = ""
        elif fate < 0.13:
            party.org_number = party.crm_org_number = party.erp_org_number = ""
        elif fate < 0.20:
            party.crm_org_number = written(party.org_number)
        elif fate < 0.22:
            party.crm_org_number = swapped(party.org_number)
        if rng.random() < 0.15:
            party.crm_name = respelled(rng, party.name)
        return party

    def _party(
        self,
        key: int,
        name: str,
        *,
        customer: frozenset[int] = frozenset(),
        supplier: frozenset[int] = frozenset(),
        in_crm: bool = True,
    ) -> Party:
        rng = self.rng
        self.titles.add(name)
        postcode, city, prefix = rng.choice(names.PLACES)
        street = Place(f"{rng.choice(names.STREETS)} {rng.randint(1, 120)}", postcode, city)
        boxed = rng.random() < 0.35
        domain = self._domain(name)
        number = numbers.new_org_number(rng, self.taken)
        return Party(
            key=key,
            name=name,
            crm_name=name,
            org_number=number,
            crm_org_number=number,
            erp_org_number=number,
            postal=Place(f"Postboks {rng.randint(1, 2400)}", postcode, city) if boxed else street,
            street=street,
            phone=numbers.landline(rng, prefix),
            email=f"post@{domain}",
            web=f"www.{domain}",
            seller_key=rng.randint(1, len(self.register.associates)),
            customer_of=customer,
            supplier_of=supplier,
            in_crm=in_crm,
        )

    def _title(self) -> str:
        rng = self.rng
        while True:
            stem = rng.choice(names.STEMS) + rng.choice(names.ENDINGS)
            name = f"{stem} {rng.choice(names.TRADES)}{rng.choice(names.JOINERS)} {rng.choice(names.LEGAL_FORMS)}"
            if name not in self.titles:
                return name
            if len(self.titles) > 2000:
                numbered = f"{name[: name.rfind(' ')]} {len(self.titles)}{name[name.rfind(' ') :]}"
                if numbered not in self.titles:
                    return numbered

    def _domain(self, name: str) -> str:
        base = slug(name)
        domain = f"{base}.example"
        while domain in self.domains:
            base += "x"
            domain = f"{base}.example"
        self.domains.add(domain)
        return domain

    def _people(self, party: Party) -> None:
        rng = self.rng
        seen: set[str] = set()
        for _ in range(rng.choices((0, 1, 2, 3, 4), (10, 35, 30, 15, 10))[0] if party.key > 2 else 3):
            self.person_key += 1
            first = rng.choice(names.FIRST_NAMES)
            middle = rng.choice(names.MIDDLE_NAMES) if rng.random() < 0.15 else ""
            last = rng.choice(names.LAST_NAMES_WITH_PARTICLES if rng.random() < 0.06 else names.LAST_NAMES)
            address = f"{slug(first)}.{slug(last)}@{party.domain}"
            known = frozenset(company for company in party.erp_companies if rng.random() < 0.7)
            in_crm = party.in_crm and (not known or rng.random() < 0.85)
            if not known and not in_crm:
                known = party.erp_companies
            person = Individual(
                key=self.person_key,
                party_key=party.key,
                first_name=first,
                middle_name=middle,
                last_name=last,
                role=rng.choice(names.ROLES),
                mobile=numbers.mobile(rng) if rng.random() < 0.9 else "",
                phone=party.phone if rng.random() < 0.4 else "",
                email=address if address not in seen and rng.random() < 0.92 else "",
                in_crm=in_crm,
                in_erp=known,
            )
            seen.add(address)
            party.persons.append(person)

    def _ventures(self) -> None:
        rng = self.rng
        today = self.register.today
        counters = dict.fromkeys(range(1, self.companies + 1), 1000)
        key = 0
        for party in self.register.parties:
            for company in sorted(party.customer_of):
                if key and rng.random() > 0.35:
                    continue
                key += 1
                counters[company] += 1
                start = today - timedelta(days=rng.randint(10, 650))
                planned = start + timedelta(days=rng.randint(60, 500))
                place = rng.random()
                work = f"{rng.choice(names.PROJECT_WORK)} {rng.choice(names.PROJECT_PLACE)}"
                self.register.ventures.append(
                    Venture(
                        key=key,
                        number=f"P-{counters[company]}",
                        name=f"{work}, {party.street.city.title()}",
                        company=company,
                        party_key=party.key,
                        lead_key=rng.randint(1, len(self.register.associates)),
                        start=start,
                        planned_end=planned,
                        end=planned if planned < today and rng.random() < 0.7 else None,
                        in_crm=party.in_crm and place < 0.85,
                        in_erp=place >= 0.10 or not party.in_crm,
                        member_keys=tuple(person.key for person in party.persons if person.in_crm)[:2],
                    )
                )


def written(number: str) -> str:
    """An organisation number as a person may write it."""
    return f"NO {number[:3]} {number[3:6]} {number[6:]} MVA"


def swapped(number: str) -> str:
    """An organisation number with two digits the wrong way round: no valid number any more (nearly always)."""
    return number[:4] + number[5] + number[4] + number[6:]


def near(rng: random.Random, name: str) -> str:
    """A name that is nearly another party's: same stem, something small added or changed."""
    head, _, form = name.rpartition(" ")
    return f"{head} {rng.choice(('Eiendom', 'Holding', 'Vest', 'Øst', 'Invest', 'Avd. Nord'))} {form}"


def respelled(rng: random.Random, name: str) -> str:
    """The same name as somebody else would type it."""
    variants = [name.upper(), name.replace(" & ", " og ").replace(" og ", " & "), name.removesuffix(" AS")]
    if name.endswith(" AS"):
        variants.append(f"{name[:-3]} A/S")
    return rng.choice([variant for variant in variants if variant != name] or [name])
