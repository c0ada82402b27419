"""A world that goes on: people edit records in both systems, sell, invoice, pay and buy, at a given pace."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta

from sounimicro_pipelines.clock import OSLO, Clock
from sounimicro_pipelines.sandbox.superoffice import CrmState
from sounimicro_pipelines.sandbox.superoffice.seed import contact_id, person_id, project_id
from sounimicro_pipelines.sandbox.unimicro.people import ErpPeople
from sounimicro_pipelines.sandbox.unimicro.store import PERSON
from sounimicro_pipelines.sandbox.world import Register, names
from sounimicro_pipelines.sandbox.world.numbers import landline, mobile, new_org_number


class Living:
    """Does one thing after the other. `step()` does one now; `start()` does `per_minute` of them in a thread.

    The same seed and the same number of steps do the same things. What nobody can do at the moment (no open invoice to
    pay, a record that is gone) is passed over.
    """

    def __init__(
        self,
        register: Register,
        erp: ErpPeople,
        crm: CrmState,
        clock: Clock,
        *,
        seed: int = 1,
        per_minute: float = 30.0,
    ) -> None:
        self.register = register
        self.erp = erp
        self.crm = crm
        self.clock = clock
        self.per_minute = per_minute
        self.done: list[str] = []
        self.rng = random.Random(f"living/{seed}")
        self._companies = [company.index for company in register.companies if not company.is_test]
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._deeds: list[tuple[int, str, Callable[[], bool]]] = [
            (4, "an address changes in the ERP", self._erp_address),
            (3, "a phone number changes in the ERP", self._erp_phone),
            (3, "a contact's mobile changes in the ERP", self._erp_mobile),
            (2, "a project's end date changes in the ERP", self._erp_project),
            (4, "an address changes in the CRM", self._crm_address),
            (3, "a person's mobile changes in the CRM", self._crm_mobile),
            (2, "a project's end date changes in the CRM", self._crm_project),
            (1, "a customer is registered in the ERP", self._erp_customer),
            (1, "a contact is registered in the ERP", self._erp_contact),
            (1, "a contact leaves in the ERP", self._erp_leaver),
            (1, "a company is registered in the CRM", self._crm_company),
            (5, "something is sold", self._sell),
            (4, "an invoice is issued", self._invoice),
            (6, "a customer pays", self._pay),
            (3, "a supplier's invoice is booked", self._buy),
        ]

    def start(self) -> None:
        """Goes on in a thread of its own until `stop`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="sandbox-living", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def step(self) -> str:
        """Does one thing; returns what it was."""
        while True:
            weights = [weight for weight, _, _ in self._deeds]
            _, name, deed = self.rng.choices(self._deeds, weights)[0]
            if deed():
                self.done.append(name)
                return name

    def _run(self) -> None:
        while not self._stop.wait(self.rng.expovariate(self.per_minute / 60)):
            self.step()

    def _company(self) -> int:
        return self.rng.choice(self._companies)

    def _street(self) -> str:
        return f"{self.rng.choice(names.STREETS)} {self.rng.randint(1, 150)}"

    # in the ERP

    def _erp_address(self) -> bool:
        company = self._company()
        entity = self.rng.choice(("Customer", "Customer", "Supplier"))
        rows = self.erp.rows(company, entity)
        if not rows:
            return False
        row = self.rng.choice(rows)
        return self._edit(company, entity, row["ID"], "Info.InvoiceAddress.AddressLine1", self._street())

    def _erp_phone(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Customer")
        if not rows:
            return False
        number = landline(self.rng, self.rng.choice(names.PLACES)[2])
        return self._edit(company, "Customer", self.rng.choice(rows)["ID"], "Info.DefaultPhone.Number", number)

    def _erp_mobile(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Contact")
        if not rows:
            return False
        path = "Info.Phones[Type=150102].Number"
        return self._edit(company, "Contact", self.rng.choice(rows)["ID"], path, mobile(self.rng))

    def _erp_project(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Project")
        if not rows:
            return False
        end = self.clock.today() + timedelta(days=self.rng.randint(10, 200))
        return self._edit(company, "Project", self.rng.choice(rows)["ID"], "PlannedEnddate", end.isoformat())

    def _edit(self, company: int, entity: str, row_id: int, path: str, value: str) -> bool:
        try:
            self.erp.edit(company, entity, row_id, {path: value})
        except KeyError:
            return False
        return True

    def _erp_customer(self) -> bool:
        stem = f"{self.rng.choice(names.STEMS)}{self.rng.choice(names.ENDINGS)}"
        name = f"{stem} {self.rng.choice(names.TRADES)} {self.rng.randint(2, 99)} AS"
        postcode, city, prefix = self.rng.choice(names.PLACES)
        phone = {"Number": landline(self.rng, prefix), "CountryCode": "+47", "Type": 150101}
        address = {"AddressLine1": self._street(), "PostalCode": postcode, "City": city, "CountryCode": "NO"}
        self.erp.add(
            self._company(),
            "Customer",
            {
                "OrgNumber": new_org_number(self.rng, set()),
                "CreditDays": 14,
                "CurrencyCodeID": 1,
                "Info": {"Name": name, "DefaultPhone": phone, "InvoiceAddress": address},
            },
        )
        return True

    def _erp_contact(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Customer")
        if not rows:
            return False
        name = f"{self.rng.choice(names.FIRST_NAMES)} {self.rng.choice(names.LAST_NAMES)}"
        phone = {"Number": mobile(self.rng), "CountryCode": "+47", "Type": 150102}
        parent = self.rng.choice(rows)["BusinessRelationID"]
        role = self.rng.choice(names.ROLES)
        self.erp.add(
            company,
            "Contact",
            {"ParentBusinessRelationID": parent, "Role": role, "Info": {"Name": name, "Phones": [phone]}},
        )
        return True

    def _erp_leaver(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Contact")
        if len(rows) < 10:
            return False
        self.erp.delete(company, "Contact", self.rng.choice(rows)["ID"])
        return True

    # in the CRM

    def _crm_company(self) -> bool:
        stem = f"{self.rng.choice(names.STEMS)}{self.rng.choice(names.ENDINGS)}"
        name = f"{stem} {self.rng.choice(names.TRADES)} {self.rng.randint(2, 99)} AS"
        self.crm.create("contact", {"Name": name, "OrgNr": new_org_number(self.rng, set())})
        return True

    def _crm_address(self) -> bool:
        known = [party for party in self.register.parties if party.in_crm]
        if not known:
            return False
        key = contact_id(self.rng.choice(known))
        return self._change("contact", key, {"Address": {"Postal": {"Address1": self._street()}}})

    def _crm_mobile(self) -> bool:
        known = [person for person in self.register.persons if person.in_crm]
        if not known:
            return False
        key = person_id(self.rng.choice(known))
        return self._change("person", key, {"MobilePhones": [{"Value": mobile(self.rng)}]})

    def _crm_project(self) -> bool:
        known = [venture for venture in self.register.ventures if venture.in_crm]
        if not known:
            return False
        day = self.clock.today() + timedelta(days=self.rng.randint(10, 200))
        end = datetime.combine(day, time(0), OSLO).isoformat()
        return self._change("project", project_id(self.rng.choice(known)), {"EndDate": end})

    def _change(self, entity: str, key: int, changes: dict[str, object]) -> bool:
        if self.crm.db[entity].get(key) is None:
            return False
        self.crm.edit(entity, key, changes)
        return True

    # trade

    def _sell(self) -> bool:
        company = self._company()
        rows = [row for row in self.erp.rows(company, "Customer") if row.get("CustomerNumber")]
        if not rows:
            return False
        seeded = self.erp.seeded[company]
        with seeded.store.transaction(PERSON):
            seeded.trade.sell(self.rng.choice(rows)["ID"], self.clock.today())
        return True

    def _invoice(self) -> bool:
        company = self._company()
        rows = [row for row in self.erp.rows(company, "Customer") if row.get("CustomerNumber")]
        if not rows:
            return False
        backdated = self.clock.today() - timedelta(days=self.rng.choice((0, 0, 0, 15, 31)))
        self.erp.invoice(company, self.rng.choice(rows)["ID"], self.rng.randint(400, 40_000), day=backdated)
        return True

    def _pay(self) -> bool:
        company = self._company()
        waiting = [
            row
            for row in self.erp.rows(company, "CustomerInvoice")
            if row.get("InvoiceType") == 0
            and row.get("CurrencyCodeID") == 1
            and row["StatusCode"] in (42002, 42003, 42007)
            and row["RestAmount"] > 0
        ]
        if not waiting:
            return False
        invoice = self.rng.choice(waiting)
        part = invoice["RestAmount"] / 2 if self.rng.random() < 0.2 else None
        self.erp.pay(company, invoice["ID"], part)
        return True

    def _buy(self) -> bool:
        company = self._company()
        rows = self.erp.rows(company, "Supplier")
        if not rows:
            return False
        seeded = self.erp.seeded[company]
        with seeded.store.transaction(PERSON):
            seeded.trade.purchases.buy(self.rng.choice(rows)["ID"], self.clock.today())
        return True
