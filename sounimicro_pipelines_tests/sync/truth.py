"""Two registers of which we know who is who: noisy names, near duplicates, wrong and missing organisation numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from sounimicro_pipelines.sync.match import Identity

_STEMS = [
    "Fjord",
    "Nord",
    "Sør",
    "Vest",
    "Øst",
    "Bryggen",
    "Havn",
    "Elv",
    "Skog",
    "Fjell",
    "Vik",
    "Strand",
    "Lofot",
    "Sunn",
    "Hardanger",
    "Trønder",
    "Viken",
    "Agder",
    "Rogaland",
    "Finnmark",
    "Telemark",
    "Valdres",
    "Romsdal",
    "Nesodd",
    "Ringerike",
    "Toten",
    "Jæren",
    "Karmøy",
    "Stord",
    "Voss",
    "Sogn",
    "Nordmøre",
    "Helgeland",
    "Salten",
    "Bjørk",
    "Gran",
    "Furu",
    "Stein",
    "Malm",
    "Brenn",
    "Aas",
    "Øy",
    "Skjær",
    "Tind",
    "Bre",
    "Dal",
    "Foss",
    "Bekk",
    "Ødegård",
    "Sæther",
    "Haugen",
    "Bakken",
    "Lunde",
    "Myhre",
]
_ENDINGS = ("", "", "vik", "dal", "stad", "berg", "nes", "heim", "lia", "sund", "voll", "bygda")
_TRADES = [
    "Mekaniske",
    "Elektro",
    "Rør",
    "Bygg",
    "Eiendom",
    "Regnskap",
    "Transport",
    "Maskin",
    "Trelast",
    "Sveis",
    "Kjøling",
    "Ventilasjon",
    "Maling",
    "Gulv",
    "Tak",
    "Tømrer",
    "Betong",
    "Sjømat",
    "Data",
    "Konsult",
    "Teknikk",
    "Industri",
    "Verksted",
    "Energi",
    "Skipsservice",
    "Varme",
    "Automasjon",
    "Hydraulikk",
]
_JOINERS = ("", "", "", "", " og Sønn", " & Co", " Gruppen", " Norge", " Service", " Holding", " Drift")
_FORMS = ("AS", "AS", "AS", "AS", "ASA", "ANS", "DA", "ENK")
_STREETS = ("Kaigata", "Storgata", "Kirkegata", "Industriveien", "Havnegata", "Skolegata", "Strandveien", "Torggata")


@dataclass
class Truth:
    crm: list[Identity]
    erp: list[Identity]
    pairs: dict[int, int]


def _org_number(rng: random.Random) -> str:
    while True:
        digits = [9] + [rng.randrange(10) for _ in range(7)]
        check = 11 - sum(d * w for d, w in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        if check != 10:
            return "".join(map(str, digits)) + str(0 if check == 11 else check)


def _company(rng: random.Random, key: int) -> Identity:
    name = f"{rng.choice(_STEMS)}{rng.choice(_ENDINGS)} {rng.choice(_TRADES)}{rng.choice(_JOINERS)}"
    if rng.random() < 0.06:
        name += f" {rng.randrange(2, 9)}"
    domain = f"firma{key}.no"
    return Identity(
        id=key,
        name=f"{name} {rng.choice(_FORMS)}",
        org_number=_org_number(rng),
        number=str(10_000 + key),
        postcode=f"{rng.randrange(1, 10):d}{rng.randrange(0, 40):03d}",
        street=f"{rng.choice(_STREETS)} {rng.randrange(1, 60)}",
        phones=frozenset((f"+47{rng.randrange(20_000_000, 80_000_000)}",)),
        emails=frozenset((f"post@{domain}" if rng.random() < 0.85 else f"firma{key}@gmail.com",)),
    )


def _sibling(rng: random.Random, other: Identity, key: int) -> Identity:
    """Another company that is easily taken for `other`."""
    fresh = _company(rng, key)
    words = other.name.split()
    kind = rng.randrange(5)
    if kind == 0:
        name = other.name
    elif kind == 1:
        name = " ".join([*words[:-1], rng.choice(("Holding", "Eiendom", "Invest")), words[-1]])
    elif kind == 2:
        name = " ".join([*words[:-1], str(rng.randrange(2, 9)), words[-1]])
    elif kind == 3:
        name = " ".join([words[0] + "n", *words[1:]])
    else:
        name = " ".join([*words[:-1], rng.choice([form for form in _FORMS if form != words[-1]])])
    near = rng.random() < 0.4 and kind != 0
    return replace(fresh, name=name, postcode=other.postcode if near else fresh.postcode)


def _noisy_name(rng: random.Random, name: str) -> str:
    words = name.split()
    if rng.random() < 0.35 and words[-1] in _FORMS:
        words = words[:-1]
    if rng.random() < 0.1:
        words = [*words[1:], words[0]]
    text = " ".join(words)
    if rng.random() < 0.2:
        for letter, spelt in (("æ", "ae"), ("ø", "oe"), ("å", "aa"), ("Ø", "Oe")):
            text = text.replace(letter, spelt)
    if rng.random() < 0.15:
        text = text.replace(" og ", " & ")
    if rng.random() < 0.15:
        text = text.upper()
    if rng.random() < 0.12:
        at = rng.randrange(1, max(2, len(text) - 2))
        text = rng.choice(
            (
                text[:at] + text[at + 1 :],
                text[:at] + text[at] + text[at:],
                text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            )
        )
    if rng.random() < 0.05:
        text = text.replace(" ", "", 1)
    return text


def make_truth(seed: int, crm_count: int = 3000, erp_count: int = 2500) -> Truth:
    """`crm_count` × `erp_count` records; about two thirds of the ERP's are in the CRM too."""
    rng = random.Random(seed)
    erp: list[Identity] = []
    while len(erp) < erp_count:
        key = len(erp) + 1
        if erp and rng.random() < 0.18:
            erp.append(_sibling(rng, rng.choice(erp), key))
        else:
            erp.append(_company(rng, key))
    crm: list[Identity] = []
    pairs: dict[int, int] = {}
    for other in rng.sample(erp, int(erp_count * 0.68)):
        key = 100_000 + len(crm)
        draw = rng.random()
        org = other.org_number if draw < 0.62 else "" if draw < 0.96 else _org_number(rng)
        if draw > 0.985:
            org = rng.choice(erp).org_number
        crm.append(
            Identity(
                id=key,
                name=_noisy_name(rng, other.name),
                org_number=org,
                number=other.number if rng.random() < 0.1 else str(10_000 + rng.randrange(1, erp_count)),
                postcode=other.postcode if rng.random() < 0.9 else f"{rng.randrange(1, 10)}{rng.randrange(0, 40):03d}",
                street=other.street if rng.random() < 0.6 else "",
                phones=other.phones if rng.random() < 0.5 else frozenset(),
                emails=other.emails if rng.random() < 0.6 else frozenset(),
            )
        )
        pairs[key] = other.id
    while len(crm) < crm_count:
        key = 100_000 + len(crm)
        base = _sibling(rng, rng.choice(erp), key) if rng.random() < 0.3 else _company(rng, key)
        crm.append(
            replace(
                base,
                id=key,
                name=_noisy_name(rng, base.name),
                org_number=base.org_number if rng.random() < 0.7 else "",
                number=str(10_000 + rng.randrange(1, erp_count)),
                phones=base.phones if rng.random() < 0.5 else frozenset(),
                emails=base.emails if rng.random() < 0.6 else frozenset(),
            )
        )
    for each in rng.sample(erp, erp_count // 5):
        place = each.id - 1
        erp[place] = replace(each, org_number="")
    rng.shuffle(crm)
    return Truth(crm, erp, pairs)
