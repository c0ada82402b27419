"""The story of the presentation, played on the sandbox: people change things in one system, and the other has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.world.numbers import new_org_number
from sounimicro_pipelines.store import companies, links
from sounimicro_pipelines.store.links import Link

COMPANY = 1
POSTBOKS_123, ABB = 2, 1
"""The parties of the sandbox's register that the story is about."""
MOBILE = "Info.Phones[Type=150102].Number"


@dataclass(frozen=True)
class Chapter:
    """What somebody did, what should have come of it, and the record by which to look at it."""

    told: str
    came_true: Callable[[], bool]
    look_at: Callable[[], tuple[str, int] | None] = lambda: None


def play(sandbox: Sandbox, installation: Installation, synchronize: Callable[[], object]) -> tuple[list[str], bool]:
    """Plays the story; answers its lines and whether every chapter came true. `synchronize` runs the five rules."""
    chapters = list(_chapters(sandbox, installation))
    synchronize()
    alias = _alias(sandbox, installation)
    lines, well = ["The story, both ways:"], True
    for chapter in chapters:
        true = chapter.came_true()
        well = well and true
        lines.append(f"{'✓' if true else '✗'} {chapter.told}")
        seen = chapter.look_at() if true else None
        if seen is not None:
            role, party = seen
            base = f"http://{installation.settings.panels_bind}/panel/company"
            lines.append(f"    {base}?company={alias}&role={role}&party={party}&tab=erp")
    return lines, well


def _chapters(sandbox: Sandbox, installation: Installation) -> Iterator[Chapter]:
    erp, crm, key = sandbox.erp, sandbox.crm, sandbox.erp.key(COMPANY)
    with installation.store.read() as tx:
        every = [one for rule in ("customer", "supplier", "person", "project") for one in links.of_rule(tx, rule)]
    mine = [one for one in every if one.company_key == key]
    yield from _address(sandbox, mine)
    yield from _mobile(sandbox, mine)
    yield from _end_date(sandbox, mine)
    number = new_org_number(sandbox.living.rng, {party.org_number for party in sandbox.register.parties})
    made = crm.create("contact", {"Name": "Solvind Energi AS", "OrgNr": number})
    told = asyncio.run(_press_erp(installation, made, key))
    yield Chapter(
        f"A person pressed ERP on the new company Solvind Energi AS: it is customer {told} in the ERP, and the number "
        "is back in the CRM",
        lambda: bool(told) and str(crm.read("contact", made)["Number2"]) == told,
        lambda: _linked(installation, "contact", made, "customer"),
    )
    other = new_org_number(sandbox.living.rng, {number})
    added = erp.add(COMPANY, "Customer", {"OrgNumber": other, "Info": {"Name": "Fjellvarme Drift AS"}})
    yield Chapter(
        "Customer Fjellvarme Drift AS was made in the ERP: it is a company in the CRM",
        lambda: _name_in_crm(sandbox, installation, key, added) == "Fjellvarme Drift AS",
        lambda: ("customer", added),
    )
    yield from _customer_and_supplier(sandbox, mine)


def _address(sandbox: Sandbox, mine: Sequence[Link]) -> Iterator[Chapter]:
    customer = sandbox.erp.customer_id(COMPANY, POSTBOKS_123)
    link = next((one for one in mine if (one.erp_entity, one.erp_id) == ("Customer", customer)), None)
    if link is None:
        return
    path, crm_id = "Info.InvoiceAddress.AddressLine1", link.crm_id
    sandbox.erp.edit(COMPANY, "Customer", customer, {path: "Postboks 123 Sentrum"})
    yield Chapter(
        f"{sandbox.crm.read('contact', crm_id)['Name']}: Postboks 123 became Postboks 123 Sentrum in the ERP, and so "
        "in the CRM",
        lambda: sandbox.crm.read("contact", crm_id)["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum",
        lambda: ("customer", customer),
    )


def _mobile(sandbox: Sandbox, mine: Sequence[Link]) -> Iterator[Chapter]:
    persons = [one for one in mine if one.rule == "person"]
    link = next((one for one in persons if sandbox.crm.read("person", one.crm_id)["MobilePhones"]), None)
    if link is None:
        return
    sandbox.erp.edit(COMPANY, "Contact", link.erp_id, {MOBILE: "91223344"})
    yield Chapter(
        "A contact person got the mobile number 912 23 344 in the ERP, and so in the CRM",
        lambda: _digits(sandbox.crm.read("person", link.crm_id)["MobilePhones"][0]["Value"]).endswith("91223344"),
    )


def _end_date(sandbox: Sandbox, mine: Sequence[Link]) -> Iterator[Chapter]:
    link = next((one for one in mine if one.rule == "project"), None)
    if link is None:
        return
    day = (sandbox.clock.today() + timedelta(days=60)).isoformat()
    sandbox.erp.edit(COMPANY, "Project", link.erp_id, {"EndDate": day})
    yield Chapter(
        f"Project {sandbox.crm.read('project', link.crm_id)['Name']} ends on {day} in the ERP, and so in the CRM",
        lambda: str(sandbox.crm.read("project", link.crm_id)["EndDate"]).startswith(day),
    )


def _customer_and_supplier(sandbox: Sandbox, mine: Sequence[Link]) -> Iterator[Chapter]:
    ids = {"Customer": sandbox.erp.customer_id(COMPANY, ABB), "Supplier": sandbox.erp.supplier_id(COMPANY, ABB)}
    linked = [one for one in mine if ids.get(one.erp_entity) == one.erp_id]
    if len({one.crm_id for one in linked}) != 1 or len(linked) != 2:
        yield Chapter("ABB Installasjon AS is linked as customer and as supplier", lambda: False)
        return
    crm_id = linked[0].crm_id
    sandbox.crm.edit("contact", crm_id, {"Address": {"Postal": {"Address2": "Fakturamottak"}}})
    yield Chapter(
        "ABB Installasjon AS is customer and supplier: Fakturamottak, written in the CRM, stands on both in the ERP",
        lambda: all(_second_line(sandbox, one) == "Fakturamottak" for one in linked),
        lambda: ("supplier", ids["Supplier"]),
    )


def _second_line(sandbox: Sandbox, link: Link) -> Any:
    found = sandbox.erp.read(COMPANY, link.erp_entity, link.erp_id, expand="Info.InvoiceAddress")
    return found["Info"]["InvoiceAddress"].get("AddressLine2")


async def _press_erp(installation: Installation, crm_id: int, key: str) -> str:
    """The customer number that the ERP allots; "" when none came."""
    from sounimicro_pipelines.sync.addresses import CrmAddress
    from sounimicro_pipelines.sync.requests import ErpButton

    async with installation.sync_connection() as connection:
        button = ErpButton(await connection.world(by="demo"))
        outcome = await button.create(CrmAddress("contact", crm_id), key, "customer")
    return outcome.number or ""


def _linked(installation: Installation, entity: str, crm_id: int, role: str) -> tuple[str, int] | None:
    tenant = installation.settings.require_superoffice().tenant
    with installation.store.read() as tx:
        found = links.for_crm(tx, tenant, entity, crm_id)
    return next(((role, one.erp_id) for one in found if one.role == role), None)


def _name_in_crm(sandbox: Sandbox, installation: Installation, key: str, customer: int) -> str:
    with installation.store.read() as tx:
        link = links.for_erp(tx, key, "Customer", customer)
    return "" if link is None else str(sandbox.crm.read("contact", link.crm_id)["Name"])


def _alias(sandbox: Sandbox, installation: Installation) -> str:
    with installation.store.read() as tx:
        found = companies.by_key(tx, sandbox.erp.key(COMPANY))
    return found.alias if found is not None else ""


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())
