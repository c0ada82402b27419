"""Fills a tenant from the neutral register: the parties, persons and projects that the CRM knows at the start."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta
from typing import Any

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.sandbox.superoffice import vocabulary as words
from sounimicro_pipelines.sandbox.superoffice.rights import SYSTEM_TYPE
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.tables import (
    CONTACT_PHONE,
    CONTACT_POSTAL,
    CONTACT_STREET,
    PERSON_DIRECT,
    PERSON_MOBILE,
)
from sounimicro_pipelines.sandbox.superoffice.wire import strip_phone
from sounimicro_pipelines.sandbox.world import Individual, Party, Place, Register, Venture

FIRST_CONTACT = 1001
FIRST_PERSON = 1001
"""Companies and persons share numbers on purpose: phones and addresses tell their owners apart by type alone."""
FIRST_PROJECT = 301
FIRST_ASSOCIATE = 11
OWN_CONTACT = 1
NORWAY = 578

_POSITION_OF_ROLE = {
    "Daglig leder": 1,
    "Innkjøper": 2,
    "Økonomisjef": 3,
    "Regnskapsansvarlig": 3,
    "Prosjektleder": 4,
    "Driftssjef": 6,
    "Lagerleder": 6,
    "Salgssjef": 5,
}


def contact_id(party: Party) -> int:
    """The CRM's id of a party, where the CRM knows it."""
    return FIRST_CONTACT - 1 + party.key


def person_id(person: Individual) -> int:
    return FIRST_PERSON - 1 + person.key


def project_id(venture: Venture) -> int:
    return FIRST_PROJECT - 1 + venture.key


def associate_id(key: int) -> int:
    """The CRM's id of an associate of the register."""
    return FIRST_ASSOCIATE - 1 + key


def fill(state: CrmState, register: Register) -> None:
    """Fill an empty tenant. The same register always gives the same data."""
    _Filling(state, register).run()


class _Filling:
    def __init__(self, state: CrmState, register: Register) -> None:
        self.state = state
        self.db = state.db
        self.register = register
        self.rng = random.Random(register.seed + 7)
        self.end = datetime.combine(register.today, time(6), tzinfo=UTC)

    def run(self) -> None:
        with self.state.lock:
            words.fill(self.db, self.end - timedelta(days=900))
            self._own_company()
            for party in self.register.parties:
                if party.in_crm:
                    self._party(party)
            for venture in self.register.ventures:
                if venture.in_crm:
                    self._venture(venture)
            self.db["contact"].next_id = FIRST_CONTACT + len(self.register.parties)
            self.db["person"].next_id = FIRST_PERSON + len(self.register.persons)
            self._oddities()
            self.db["project"].next_id = FIRST_PROJECT + len(self.register.ventures)

    def _own_company(self) -> None:
        stamps = self._stamps(FIRST_ASSOCIATE, oldest=880)
        own = {"contact_id": OWN_CONTACT, "name": self.state.options.company_name, "isOwner": True}
        own |= {"category_idx": words.OWN, "business_idx": 4, "country_id": NORWAY, "associate_id": FIRST_ASSOCIATE}
        self.db["contact"].insert({**own, **stamps})
        for associate in self.register.associates:
            key, person = associate_id(associate.key), associate.key
            names = {"firstname": associate.first_name, "lastname": associate.last_name}
            self.db["person"].insert({"person_id": person, "contact_id": OWN_CONTACT, **names, **stamps})
            self._phone(person, PERSON_MOBILE, associate.mobile, stamps)
            self._email("person_id", person, associate.email, stamps)
            role = "Administrator" if associate.key == 1 else "User level 1"
            self._associate(key, associate.login.upper(), person, associate.email, role, 0, stamps)
        count = len(self.register.associates)
        self._associate(associate_id(count + 1), "GJEST", 0, "gjest@example.no", "Guest", 0, stamps)
        self._associate(associate_id(count + 2), "SYSTEM", 0, "", "Administrator", SYSTEM_TYPE, stamps)

    def _associate(
        self, key: int, name: str, person: int, user: str, role: str, kind: int, stamps: dict[str, Any]
    ) -> None:
        group = 1 + (key - FIRST_ASSOCIATE) % 2
        row = {
            "group_idx": group,
            "associate_id": key,
            "name": name,
            "person_id": person,
            "userName": user,
            "role": role,
            "type": kind,
        }
        admin = role == "Administrator"
        self.db["associate"].insert({**row, "administrator": admin, "rank": key, **stamps})

    def _party(self, party: Party) -> None:
        key, seller = contact_id(party), associate_id(party.seller_key)
        stamps = self._stamps(seller)
        group = self.rng.choices((0, 4, 5, 6), (5, 1, 2, 3))[0]
        self.db["contact"].insert(
            {
                "contact_id": key,
                "name": party.crm_name,
                "orgNr": party.crm_org_number,
                "number1": party.crm_name[:3].upper(),
                "associate_id": seller,
                "category_idx": _category(party),
                "business_idx": self.rng.randint(1, 7),
                "country_id": NORWAY,
                "soundEx": party.crm_name[:4].upper(),
                **stamps,
            }
        )
        if party.phone:
            self._phone(key, CONTACT_PHONE, party.phone, stamps)
        if party.email:
            self._email("contact_id", key, party.email, stamps)
        if party.web:
            url = {"contact_id": key, "url_address": f"https://{party.web}", "rank": 1}
            self.db["url"].insert({**url, **stamps})
        self._address(key, CONTACT_POSTAL, party.postal, stamps)
        self._address(key, CONTACT_STREET, party.street, stamps)
        if group:
            values = {"SuperOffice:7": group}
            self.db["udvalue"].insert({"owner_table": "contact", "owner_id": key, "values": values, **stamps})
        for person in party.persons:
            if person.in_crm:
                self._person(person, key, seller)

    def _person(self, person: Individual, contact: int, seller: int) -> None:
        key, stamps = person_id(person), self._stamps(seller)
        self.db["person"].insert(
            {
                "person_id": key,
                "contact_id": contact,
                "firstname": person.first_name,
                "middleName": person.middle_name,
                "lastname": person.last_name,
                "title": person.role,
                "position_idx": _POSITION_OF_ROLE.get(person.role, 0),
                "country_id": NORWAY,
                "person_number": str(10000 + person.key),
                **stamps,
            }
        )
        if person.mobile:
            self._phone(key, PERSON_MOBILE, person.mobile, stamps)
        if person.phone:
            self._phone(key, PERSON_DIRECT, person.phone, stamps)
        if person.email:
            self._email("person_id", key, person.email, stamps)

    def _oddities(self) -> None:
        """What is legal and easily forgotten: a person without company, and one who has left hers."""
        stamps = self._stamps(FIRST_ASSOCIATE)
        alone = {"firstname": "Enok", "lastname": "Alene", "title": "Privatperson"}
        self.db["person"].insert({**alone, "country_id": NORWAY, **stamps})
        company = next((party for party in self.register.parties if party.in_crm), None)
        if company is not None:
            left = {"firstname": "Tora", "lastname": "Sluttet", "retired": True, "contact_id": contact_id(company)}
            self.db["person"].insert({**left, "country_id": NORWAY, **stamps})

    def _venture(self, venture: Venture) -> None:
        lead = associate_id(venture.lead_key)
        key, stamps = project_id(venture), self._stamps(lead)
        end = venture.end or venture.planned_end
        self.db["project"].insert(
            {
                "project_id": key,
                "name": venture.name,
                "project_number": venture.number,
                "associate_id": lead,
                "status_idx": words.FINISHED if venture.end else words.STARTED,
                "type_idx": words.CUSTOMER_PROJECT,
                "done": venture.end is not None,
                "endDate": datetime.combine(end, time()),
                **stamps,
            }
        )
        party = self.register.party(venture.party_key)
        for member in venture.member_keys:
            if self.db["person"].get(FIRST_PERSON - 1 + member) is None:
                continue
            values = {"project_id": key, "contact_id": contact_id(party), "person_id": FIRST_PERSON - 1 + member}
            self.db["projectmember"].insert({**values, "mtype_idx": 1, **stamps})

    def _stamps(self, associate: int, oldest: int = 720) -> dict[str, Any]:
        registered = self.end - timedelta(days=self.rng.randint(20, oldest), seconds=self.rng.randint(0, 30_000))
        updated = registered + (self.end - registered) * self.rng.random()
        who = {"registered_associate_id": associate, "updated_associate_id": associate}
        return {"registered": registered, "updated": updated.replace(microsecond=0), **who}

    def _phone(self, owner: int, kind: int, digits: str, stamps: dict[str, Any]) -> None:
        value = self._written(digits)
        row = {"owner_id": owner, "ptype_idx": kind, "phone": value, "search_phone": strip_phone(value), "rank": 1}
        self.db["phone"].insert({**row, **stamps})

    def _written(self, digits: str) -> str:
        """Eight digits as various hands have typed them."""
        pairs = f"{digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"
        triple = f"{digits[:3]} {digits[3:5]} {digits[5:]}"
        return self.rng.choice((f"+47 {pairs}", digits, pairs, triple, f"+47{digits}", f"0047 {digits}"))

    def _email(self, owner: str, key: int, address: str, stamps: dict[str, Any]) -> None:
        self.db["email"].insert({owner: key, "email_address": address, "rank": 1, **stamps})

    def _address(self, owner: int, kind: int, place: Place, stamps: dict[str, Any]) -> None:
        row = {"owner_id": owner, "atype_idx": kind, "address1": place.line, "zipcode": place.postcode}
        self.db["address"].insert({**row, "city": place.city, **stamps})


def _category(party: Party) -> int:
    if party.customer_of and party.supplier_of:
        return words.PARTNER
    if party.supplier_of:
        return words.SUPPLIER
    return words.CUSTOMER if party.customer_of else words.PROSPECT
