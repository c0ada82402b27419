"""Writes the neutral register into a company: sellers and users, customers and suppliers with all that hangs on them,
contacts, projects with their dimensions."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, time, timedelta

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.store import PERSON, CompanyStore
from sounimicro_pipelines.sandbox.unimicro.values import stamp
from sounimicro_pipelines.sandbox.world.register import Individual, Party, Place, Register, Venture

PHONE, MOBILE = 150101, 150102

PRIVATE_NUMBER = "41815912345"
"""A national number that nobody can have (a synthetic one, month + 80): where it turns up, personal data has leaked."""


class PartySeed:
    """Seeds one company. `customers`, `suppliers`, `projects` and `contacts` map register keys to row ids."""

    def __init__(self, store: CompanyStore, books: Books, register: Register, index: int, rng: random.Random) -> None:
        self.store = store
        self.books = books
        self.register = register
        self.index = index
        self.rng = rng
        self.customers: dict[int, int] = {}
        self.suppliers: dict[int, int] = {}
        self.projects: dict[int, int] = {}
        self.contacts: dict[int, int] = {}

    def fill(self) -> None:
        """Parties in an order of this company's own, so that the same id means different parties in two companies."""
        self._sellers()
        parties = [party for party in self.register.parties if self.index in party.erp_companies]
        self.rng.shuffle(parties)
        start = self.register.today - timedelta(days=760)
        for place, party in enumerate(parties):
            moment = datetime.combine(start, time(8), OSLO) + timedelta(
                days=place * 20 // max(1, len(parties)), seconds=place * 37 % 28_000, milliseconds=place * 53 % 1000
            )
            with self.store.at(stamp(moment)):
                self._party(party)
        if parties:
            self._untidy(parties)
        for venture in self.register.ventures:
            if venture.company == self.index and venture.in_erp:
                with self.store.at(stamp(datetime.combine(venture.start, time(9), OSLO))):
                    self._project(venture)

    def _untidy(self, parties: list[Party]) -> None:
        """A customer that somebody registered twice, and a private person whose national number nobody else may see."""
        twice = next((party for party in parties if self.index in party.customer_of and party.key > 8), None)
        if twice is not None:
            relation = self._relation(f"{twice.name} (ny)", twice.street, None, twice.phone, "")
            self._customer(twice, relation)
        relation = self._relation("Solveig Privat", parties[0].street, None, "", "solveig@privat.example", "90099009")
        private = self._customer(parties[0], relation)
        self.store.change(
            "Customer",
            private,
            {
                "IsPrivate": True,
                "OrgNumber": None,
                "PeppolAddress": None,
                "WebUrl": None,
                "SocialSecurityNumber": PRIVATE_NUMBER,
            },
            touch=False,
        )

    def _sellers(self) -> None:
        self.store.insert(
            "User",
            {
                "DisplayName": "Integrasjon",
                "UserName": "integrasjon",
                "Email": "integrasjon@nordlys.example",
                "GlobalIdentity": "00000000-0000-4000-8000-00000000a001",
                "StatusCode": 110001,
                "Protected": True,
            },
        )
        for associate in self.register.associates:
            user = self.store.insert(
                "User",
                {
                    "DisplayName": associate.name,
                    "Email": associate.email,
                    "UserName": associate.login,
                    "PhoneNumber": associate.mobile,
                    "GlobalIdentity": PERSON if associate.key == 1 else str(uuid.UUID(int=self.rng.getrandbits(128))),
                    "StatusCode": 110001,
                },
            )
            self.store.insert(
                "Seller", {"Name": associate.name[:30], "UserID": user["ID"], "DefaultOurReference": True}
            )

    def _party(self, party: Party) -> None:
        roles = [role for role, known in (("c", party.customer_of), ("s", party.supplier_of)) if self.index in known]
        shared = self.rng.random() < 0.3
        relation: int | None = None
        for role in roles:
            if relation is None or not shared:
                relation = self._relation(party.name, party.postal, party.street, party.phone, party.email)
                self._people(party, relation)
            if role == "c":
                self.customers[party.key] = self._customer(party, relation)
            else:
                self.suppliers[party.key] = self._supplier(party, relation)

    def _relation(
        self, name: str, postal: Place | None, street: Place | None, phone: str, email: str, mobile: str = ""
    ) -> int:
        store = self.store
        row_id = int(store.insert("BusinessRelation", {"Name": name})["ID"])
        defaults: dict[str, int] = {}
        for number, kind in ((phone, PHONE), (mobile, MOBILE)):
            if number:
                values = {"CountryCode": "+47", "BusinessRelationID": row_id, **self._written(number, kind)}
                defaults.setdefault("DefaultPhoneID", store.insert("Phone", values)["ID"])
        if email:
            values = {"EmailAddress": email, "BusinessRelationID": row_id}
            defaults["DefaultEmailID"] = store.insert("Email", values)["ID"]
        if postal:
            defaults["InvoiceAddressID"] = self._address(postal, row_id)
        if street and street != postal:
            defaults["ShippingAddressID"] = self._address(street, row_id)
        store.change("BusinessRelation", row_id, defaults, touch=False)
        return row_id

    def _written(self, number: str, kind: int) -> dict[str, object]:
        """A phone number as somebody typed it: now and then with blanks, and in old data without a type."""
        draw = self.rng.random()
        if kind == PHONE and draw < 0.08:
            return {"Number": f"{number[:2]} {number[2:4]} {number[4:6]} {number[6:]}", "Type": kind}
        if kind == MOBILE and draw < 0.08:
            return {"Number": f"{number[:3]} {number[3:5]} {number[5:]}", "Type": kind}
        return {"Number": number, "Type": 0 if kind == PHONE and draw > 0.96 else kind}

    def _address(self, place: Place, relation: int) -> int:
        return int(
            self.store.insert(
                "Address",
                {
                    "AddressLine1": place.line,
                    "PostalCode": place.postcode,
                    "City": place.city,
                    "Country": place.country,
                    "CountryCode": place.country_code,
                    "BusinessRelationID": relation,
                },
            )["ID"]
        )

    def _customer(self, party: Party, relation: int) -> int:
        abroad = self.rng.random() < 0.05
        terms = self.rng.choice((1, 1, 2, 3))
        row = self.books.add_customer(
            {
                "OrgNumber": party.erp_org_number or None,
                "BusinessRelationID": relation,
                "IsPrivate": False,
                "DefaultSellerID": party.seller_key,
                "CreditDays": (14, 20, 30)[terms - 1],
                "PaymentTermsID": terms,
                "CurrencyCodeID": 2 if abroad else 1,
                "WebUrl": party.web,
                "PeppolAddress": f"0192:{party.org_number}" if party.org_number else None,
                "DontSendReminders": self.rng.random() < 0.08,
                "StatusCode": self._status(party),
            }
        )
        self.store.insert("SellerLink", {"SellerID": party.seller_key, "Percent": 100, "CustomerID": row["ID"]})
        return int(row["ID"])

    def _status(self, party: Party) -> int:
        """Most customers are active; some are leads (and have no number), inactive or blocked."""
        draw = self.rng.random()
        if party.key <= 12 or draw > 0.08:
            return 30001
        return 20001 if draw < 0.03 else 50001 if draw < 0.06 else 90001

    def _supplier(self, party: Party, relation: int) -> int:
        row = self.books.add_supplier(
            {
                "OrgNumber": party.erp_org_number or None,
                "BusinessRelationID": relation,
                "CreditDays": self.rng.choice((14, 30)),
                "CurrencyCodeID": 1,
                "WebUrl": party.web,
                "PostingMethod": 0,
                "StatusCode": 30001,
            }
        )
        return int(row["ID"])

    def _people(self, party: Party, relation: int) -> None:
        known: list[Individual] = [person for person in party.persons if self.index in person.in_erp]
        for place, person in enumerate(known):
            info = self._relation(person.name, None, None, person.phone, person.email, person.mobile)
            contact = self.store.insert(
                "Contact", {"InfoID": info, "ParentBusinessRelationID": relation, "Role": person.role}
            )
            self.contacts.setdefault(person.key, contact["ID"])
            if place == 0:
                self.store.change("BusinessRelation", relation, {"DefaultContactID": contact["ID"]}, touch=False)

    def _project(self, venture: Venture) -> None:
        today = self.register.today
        customer = self.customers.get(venture.party_key)
        row = self.store.insert(
            "Project",
            {
                "ProjectNumber": venture.number,
                "ProjectNumberNumeric": int(venture.number.removeprefix("P-")),
                "Name": venture.name,
                "ProjectCustomerID": customer,
                "ProjectLeadName": self.register.associate(venture.lead_key).name,
                "StartDate": venture.start.isoformat(),
                "EndDate": venture.end.isoformat() if venture.end else None,
                "PlannedStartdate": venture.start.isoformat(),
                "PlannedEnddate": venture.planned_end.isoformat(),
                "StatusCode": 42204 if venture.end and venture.end <= today else 42203,
                "Visible": True,
            },
        )
        self.projects[venture.key] = row["ID"]
        self.books.take_number("Project number series", at_least=row["ProjectNumberNumeric"] + 1)
