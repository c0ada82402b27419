"""The doctor's checks of the sync: whose numbers stand in which field, number series, and the vendors' webhooks.

Nothing is changed by any of them. The CRM's blank record, by which it tells what it allots, may use a number up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.findings import Finding, bad
from sounimicro_pipelines.installation import Company, Installation
from sounimicro_pipelines.rules import Registries, Rule, RuleSet, load_rules
from sounimicro_pipelines.superoffice import SuperOfficeClient, Where, allotted_number, is_own_number
from sounimicro_pipelines.sync.hooks import NAME, wanted
from sounimicro_pipelines.transport import AccessDenied, VendorError
from sounimicro_pipelines.unimicro.client import CompanyClient, UnimicroClient
from sounimicro_pipelines.unimicro.events import plans
from sounimicro_pipelines.unimicro.fields import FieldRegistry as ErpFields
from sounimicro_pipelines.unimicro.query import Query

NUMBERS = (("customer", "CustomerNumber"), ("supplier", "SupplierNumber"), ("project", "ProjectNumber"))
SERIES = {"customer": "customer account", "supplier": "supplier account", "project": "project"}
"""How the names of the ERP's series begin, by the rule whose numbers they allot."""
FEW_LEFT = 100


async def crm_numbers(installation: Installation, client: SuperOfficeClient) -> AsyncIterator[Finding]:
    """Where the rules put the ERP's numbers, and whether the CRM allots numbers of its own there."""
    await client.load_fields()
    with installation.store.read() as tx:
        rules = load_rules(tx, Registries(client.fields, ErpFields()))
    for name, erp_path in NUMBERS:
        rule = rules.get(name)
        if rule.active:
            yield await _crm_number(client, rules, rule, erp_path)


async def _crm_number(client: SuperOfficeClient, rules: RuleSet, rule: Rule, erp_path: str) -> Finding:
    title = f"Number of a {rule.rule} in the CRM"
    path = next((one.crm[0] for one in rule.fields if one.erp == (erp_path,) and one.crm), None)
    row = f"{{erp: {erp_path}, crm: {await _proposal(client, rules, rule)}, direction: to_crm}}"
    if path is None:
        return Finding(
            title,
            "note",
            f"The rule {rule.rule} gives {erp_path} no field of the CRM; the ERP tab alone shows it.",
            f"To have it in the CRM, write in the rule, if nothing else uses the field: {row}.",
        )
    allotted = ""
    if is_own_number(rule.crm, path):
        allotted = allotted_number(rule.crm, await client.default(rule.crm))
    if allotted:
        kept = rule.crm == "contact"
        what = "so the ERP's number is not written there" if kept else "and the ERP's number replaces it there"
        return Finding(
            title,
            "note",
            f"The CRM allots {path} by itself (a new record gets {allotted}), {what}.",
            f"Turn allotting off for it in the CRM, or write in the rule {rule.rule}, if nothing else uses it: {row}.",
        )
    return Finding(title, text=f"{erp_path} stands in {path}.")


async def _proposal(client: SuperOfficeClient, rules: RuleSet, rule: Rule) -> str:
    """A field that could hold a number of the ERP's: a company's code where nobody uses it, or one of the tenant's."""
    taken = {path for one in rules.active() if one.crm == rule.crm for path in one.crm_paths()}
    if rule.crm == "contact" and "Number1" not in taken:
        used = await client.search("contact", Where("code", "isNot", ""), select=("code",))
        if not any(row.get("code") for row in used):
            return "Number1"
    own = [one for one in await client.custom_fields(rule.crm) or () if one.kind in ("text", "int") and one.writable]
    free = [one.path for one in own if one.path not in taken and one.list_name is None]
    return f'"{free[0]}"' if free else "<a user-defined text field, which the CRM's administration makes>"


async def erp_series(client: UnimicroClient, companies: Sequence[Company]) -> AsyncIterator[Finding]:
    """Each company's series for customers, suppliers and projects, and companies that allot the same numbers."""
    ranges: dict[str, list[tuple[str, int, int]]] = {}
    for company in companies:
        try:
            rows = await client.company(company).find(Query("NumberSeries", top=500))
        except VendorError as error:
            yield bad(f"{company.alias}: number series of the sync", error)
            continue
        for name, beginning in SERIES.items():
            found = _series(rows, beginning)
            if found is None:
                continue
            first, last = _whole(found.get("FromNumber")), _whole(found.get("ToNumber"))
            ranges.setdefault(name, []).append((company.alias, first, last))
            left = last - _whole(found.get("NextNumber")) + 1
            if last and 0 < left <= FEW_LEFT:
                yield Finding(
                    f"{company.alias}: number series of a {name}",
                    "note",
                    f"«{found.get('DisplayName') or found.get('Name')}» has {left} numbers left.",
                    "Widen the series in Unimicro's settings.",
                )
    for name in ("customer", "project"):
        shared = _overlapping(ranges.get(name, []))
        if shared:
            yield Finding(
                f"Number series of a {name}",
                "note",
                f"{' and '.join(shared)} allot the same numbers. Where the CRM keeps them unique, the first to come "
                "gets the number in the CRM; the others are in step without it, each with a note.",
                "Give the companies series that do not overlap, or name another field for the number in the rule.",
            )


def _series(rows: Sequence[Mapping[str, Any]], beginning: str) -> Mapping[str, Any] | None:
    """The series in use: the default of its task, or else the first that is not shut."""
    named = [one for one in rows if str(one.get("Name") or "").casefold().startswith(beginning)]
    open_ones = [one for one in named if not one.get("Disabled")]
    return next((one for one in open_ones if one.get("IsDefaultForTask")), open_ones[0] if open_ones else None)


def _overlapping(ranges: Sequence[tuple[str, int, int]]) -> list[str]:
    found = {
        alias
        for alias, first, last in ranges
        for other, start, end in ranges
        if alias != other and last and end and first <= end and start <= last
    }
    return sorted(found)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


async def crm_webhook(installation: Installation, client: SuperOfficeClient) -> AsyncIterator[Finding]:
    """Whether the CRM calls us when something changes."""
    settings = installation.settings
    if settings.panels_public_url is None or settings.superoffice_webhook_secret is None:
        return
    base = settings.panels_public_url.rstrip("/")
    try:
        ours = [one for one in await client.webhooks.list() if one.name == NAME]
    except VendorError as error:
        yield bad("CRM webhook", error)
        return
    if not ours:
        yield _not_registered("CRM webhook")
    elif not ours[0].active:
        text = f"The CRM has stopped calling ({ours[0].state}): {ours[0].last_error or 'it does not say why'}."
        remedy = "See that the panels answer at PANELS_PUBLIC_URL; `sounimicro serve` sets the webhook going again."
        yield Finding("CRM webhook", "bad", text, remedy)
    elif not ours[0].target_url.startswith(f"{base}/"):
        yield Finding("CRM webhook", "note", f"It calls {ours[0].target_url}.", "`sounimicro serve` turns it to us.")
    else:
        yield Finding("CRM webhook", text=f"Registered, and calls {ours[0].target_url}.")


async def erp_webhook(
    installation: Installation, connection: CompanyClient, company: Company
) -> AsyncIterator[Finding]:
    """Whether the ERP calls us when something changes in a company."""
    settings = installation.settings
    if settings.panels_public_url is None or settings.unimicro_webhook_signing_key is None:
        return
    title = f"{company.alias}: webhook"
    try:
        found = await plans(connection, NAME)
    except AccessDenied:
        text = "The client may not manage event plans, so changes are found by polling alone, which is slower."
        yield Finding(title, "note", text, "Give the client's role in this company the right to event plans.")
        return
    except SounimicroError as error:
        yield bad(title, error)
        return
    if not found:
        yield _not_registered(title)
    elif not found[0].get("Active"):
        yield Finding(title, "note", "The event plan is not active.", "`sounimicro serve` sets it going again.")
    else:
        yield Finding(title, text="Registered.")


def webhook_settings(installation: Installation) -> list[Finding]:
    """What is missing for webhooks at all."""
    return [
        Finding("Webhooks", "note", f"{line} Changes are found by polling alone meanwhile, which is slower.")
        for line in wanted(installation.settings)
    ]


def _not_registered(title: str) -> Finding:
    return Finding(
        title, "note", "Not registered yet.", "`sounimicro serve` registers it as soon as the panels answer."
    )
