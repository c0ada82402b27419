"""The doctor's checks of the sync: whose numbers stand in which field, number series, and the vendors' webhooks.

Nothing is changed by any of them. The CRM's blank record, by which it tells what it allots, may use a number up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.findings import Finding, bad, found
from sounimicro_pipelines.installation import Company, Installation
from sounimicro_pipelines.rules import Registries, Rule, RuleSet, load_rules
from sounimicro_pipelines.store import companies
from sounimicro_pipelines.superoffice import SuperOfficeClient, Where, allotted_number, is_own_number
from sounimicro_pipelines.sync.hooks import NAME, missing
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
    rules = await _rules(installation, client)
    for name, erp_path in NUMBERS:
        rule = rules.get(name)
        if rule.active:
            yield await _crm_number(client, rules, rule, erp_path)


async def creation(installation: Installation, client: SuperOfficeClient) -> AsyncIterator[Finding]:
    """Rules that create in the ERP by themselves, where several companies have gone live and nobody says in which."""
    with installation.store.read() as tx:
        known = companies.all_companies(tx)
    count = sum(map(installation.is_live, known))
    for rule in (await _rules(installation, client)).active():
        if count > 1 and rule.create.in_erp == "automatic" and rule.rule != "person":
            yield found("creation", "note", rule=rule.rule, count=count)


async def _rules(installation: Installation, client: SuperOfficeClient) -> RuleSet:
    await client.load_fields()
    with installation.store.read() as tx:
        return load_rules(tx, Registries(client.fields, ErpFields()))


async def _crm_number(client: SuperOfficeClient, rules: RuleSet, rule: Rule, erp_path: str) -> Finding:
    path = next((one.crm[0] for one in rule.fields if one.erp == (erp_path,) and one.crm), None)
    row = f"{{erp: {erp_path}, crm: {await _proposal(client, rules, rule)}, direction: to_crm}}"
    if path is None:
        return found("crm_number", "note", "no_field", what=rule.rule, number=erp_path, rule=rule.rule, row=row)
    allotted = ""
    if is_own_number(rule.crm, path):
        allotted = allotted_number(rule.crm, await client.default(rule.crm))
    if allotted:
        said = "allotted" if rule.crm == "contact" else "replaced"
        texts = {"what": rule.rule, "field": path, "allotted": allotted, "rule": rule.rule, "row": row}
        return found("crm_number", "note", said, **texts)
    return found("crm_number", what=rule.rule, number=erp_path, field=path)


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


async def erp_series(client: UnimicroClient, used: Sequence[Company]) -> AsyncIterator[Finding]:
    """Each company's series for customers, suppliers and projects, and companies that allot the same numbers."""
    ranges: dict[str, list[tuple[str, int, int]]] = {}
    for company in used:
        try:
            rows = await client.company(company).find(Query("NumberSeries", top=500))
        except VendorError as error:
            yield bad("series", error, company=company.alias, what="sync")
            continue
        for name, beginning in SERIES.items():
            row = _series(rows, beginning)
            if row is None:
                continue
            first, last = _whole(row.get("FromNumber")), _whole(row.get("ToNumber"))
            ranges.setdefault(name, []).append((company.alias, first, last))
            left = last - _whole(row.get("NextNumber")) + 1
            if last and 0 < left <= FEW_LEFT:
                called = str(row.get("DisplayName") or row.get("Name"))
                yield found("series", "note", "few", company=company.alias, what=name, name=called, left=left)
    for name in ("customer", "project"):
        shared = _overlapping(ranges.get(name, []))
        if shared:
            yield found("series", "note", "shared", what=name, companies=", ".join(shared))


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
        yield bad("crm_webhook", error)
        return
    if not ours:
        yield found("crm_webhook", "note", "missing")
    elif not ours[0].active:
        yield found("crm_webhook", "bad", state=ours[0].state, error=ours[0].last_error or "–")
    elif not ours[0].target_url.startswith(f"{base}/"):
        yield found("crm_webhook", "note", "elsewhere", url=ours[0].target_url)
    else:
        yield found("crm_webhook", url=ours[0].target_url)


async def erp_webhook(
    installation: Installation, connection: CompanyClient, company: Company
) -> AsyncIterator[Finding]:
    """Whether the ERP calls us when something changes in a company."""
    settings = installation.settings
    if settings.panels_public_url is None or settings.unimicro_webhook_signing_key is None:
        return
    alias = company.alias
    try:
        ours = await plans(connection, NAME)
    except AccessDenied:
        yield found("erp_webhook", "note", "denied", company=alias)
        return
    except SounimicroError as error:
        yield bad("erp_webhook", error, company=alias)
        return
    if not ours:
        yield found("erp_webhook", "note", "missing", company=alias)
    elif not ours[0].get("Active"):
        yield found("erp_webhook", "note", "stopped", company=alias)
    else:
        yield found("erp_webhook", company=alias)


def webhook_settings(installation: Installation) -> list[Finding]:
    """What is missing for webhooks at all."""
    return [found("webhooks", "note", why=kind) for kind in missing(installation.settings)]
