"""List mapping: which item of a CRM list means which item in the ERP, company by company, item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from sounimicro_pipelines.panels.admin import list_form
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.list_form import ListForm, Refused
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.field_names import field_name
from sounimicro_pipelines.rules import RULE_NAMES, Registries, RuleError, read_rule
from sounimicro_pipelines.rules.model import CRM_ENTITY, ERP_ENTITIES, RuleField, RuleName
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.store import Transaction, companies, rule_versions
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.rule_versions import ListPair

router = APIRouter()
PAGE = AdminPage("lists", "/admin/lists", router)
BLANKS = 3
"""Empty lines for values that no system lists."""


@dataclass(frozen=True, slots=True)
class MappedList:
    """A list that rules map. `crm_list` and `erp_list` are the systems' own lists, None for values that are free."""

    name: str
    fields: tuple[str, ...]
    crm_list: str | None
    erp_list: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """One list in one company."""

    company: CompanyRow
    listed: MappedList


@dataclass(frozen=True, slots=True)
class Items:
    """Id → name of the items of both sides; None where the system lists none, or does not answer."""

    crm: Mapping[str, str] | None
    erp: Mapping[str, str] | None


@router.get("/admin/lists")
async def listing(desk: AtDesk) -> Response:
    """The mapping of the list and company that the address names, or of the first of each."""
    found, used = await _places(desk)
    if not found or not used:
        return desk.show(
            "admin_lists.html", PAGE.name, title=desk.words("lists.title"), place=None, companies=used, lists=found
        )
    place = _chosen(desk, found, used)
    mapping = await desk.panels.read(lambda tx: _stored(tx, place))
    return await _show(desk, found, used, place, list_form.form_of(mapping), mapping)


@router.post("/admin/lists")
async def save(desk: AtDesk) -> Response:
    """Keep what was chosen, if nobody has changed the mapping since the form was made."""
    found, used = await _places(desk)
    if not found or not used:
        raise NotFound("no_page")
    place = _chosen(desk, found, used)
    async with desk.request.form(max_fields=5000) as sent:
        form = list_form.form_from(sent)
    wanted, refused = list_form.pairs_of(form)
    if refused:
        mapping = await desk.panels.read(lambda tx: _stored(tx, place))
        return await _show(desk, found, used, place, form, mapping, refused=refused, status=422)

    def work(tx: Transaction) -> ItemMap | None:
        mapping = _stored(tx, place)
        if list_form.digest(mapping) != form.base:
            return mapping
        changed = _keep(desk, tx, place, mapping, wanted)
        if changed:
            desk.audit(
                tx,
                "list_mapping_changed",
                f"list:{place.listed.name}",
                company_key=place.company.company_key,
                pairs=changed,
            )
        return None

    newer = await desk.change(work)
    if newer is not None:
        return await _show(desk, found, used, place, form, newer, stale=True, status=409)
    return desk.redirect(PAGE.path, company=place.company.alias, list=place.listed.name, done="list_saved")


def mapped_lists(desk: Desk, tx: Transaction, registries: Registries) -> list[MappedList]:
    """The lists that fields of the rules in force map between both systems."""
    found: dict[str, list[tuple[RuleName, RuleField]]] = {}
    for name in RULE_NAMES:
        stored = rule_versions.current(tx, name)
        try:
            rule = read_rule(stored.document if stored else default_document(name), f"{name}.yaml")
        except RuleError:
            continue
        for one in rule.fields:
            if one.list and one.crm and one.erp:
                found.setdefault(one.list, []).append((name, one))
    return [_mapped(desk, registries, name, fields) for name, fields in sorted(found.items())]


def _mapped(desk: Desk, registries: Registries, name: str, fields: Sequence[tuple[RuleName, RuleField]]) -> MappedList:
    words, told = desk.words, []
    for rule, one in fields:
        sides = dict.fromkeys((field_name(words, one.crm, ()), field_name(words, (), one.erp)))
        told.append(words("lists.field", rule=words(f"rules.names.{rule}"), field=" ↔ ".join(sides)))
    rule, one = fields[0]
    crm: Any = registries.crm.find(CRM_ENTITY[rule], one.crm[0])
    erp: Any = registries.erp.find(ERP_ENTITIES[rule][0], one.erp[0])
    return MappedList(
        name,
        tuple(dict.fromkeys(told)),
        crm.list_name if crm is not None else None,
        erp.list_name if erp is not None else None,
    )


async def _places(desk: Desk) -> tuple[list[MappedList], list[CompanyRow]]:
    known = await desk.panels.tenant.fields()

    def load(tx: Transaction) -> tuple[list[MappedList], list[CompanyRow]]:
        used = companies.all_companies(tx)
        seen = [one for one in used if desk.panels.walls.sees_company(desk.viewer, one.alias)]
        return mapped_lists(desk, tx, known.registries), seen

    return await desk.panels.read(load)


def _chosen(desk: Desk, found: Sequence[MappedList], used: Sequence[CompanyRow]) -> Place:
    """Raises NotFound for a company or list that is none."""
    query = desk.request.query_params
    alias, name = query.get("company", used[0].alias), query.get("list", found[0].name)
    company = next((one for one in used if one.alias == alias), None)
    listed = next((one for one in found if one.name == name), None)
    if company is None or listed is None:
        raise NotFound("no_page")
    return Place(company, listed)


def _stored(tx: Transaction, place: Place) -> ItemMap:
    name = place.listed.name
    return list_form.stored_map(name, rule_versions.list_pairs(tx, place.company.company_key, name))


def _keep(desk: Desk, tx: Transaction, place: Place, before: ItemMap, after: ItemMap) -> int:
    """Make the stored pairs what they should be; answers how many were added, changed or removed."""
    key, name = place.company.company_key, place.listed.name
    gone = before.pairs - after.pairs
    for crm, erp in sorted(gone):
        rule_versions.remove_list_pair(tx, key, name, crm, erp)
    changed = {pair for pair in after.pairs if pair not in before.pairs}
    changed |= {pair for pair in after.pairs & before.pairs if (pair in after.ways_back) != (pair in before.ways_back)}
    for crm, erp in sorted(changed):
        pair = ListPair(key, name, crm, erp, (crm, erp) in after.ways_back, desk.viewer.actor, desk.panels.clock.now())
        rule_versions.set_list_pair(tx, pair)
    return len(gone) + len(changed)


async def _items(desk: Desk, place: Place) -> Items:
    tenant, listed = desk.panels.tenant, place.listed
    return Items(
        await tenant.crm_items(listed.crm_list) if listed.crm_list else None,
        await tenant.erp_items(place.company.company_key, listed.erp_list) if listed.erp_list else None,
    )


async def _show(
    desk: Desk,
    found: Sequence[MappedList],
    used: Sequence[CompanyRow],
    place: Place,
    form: ListForm,
    stored: ItemMap,
    *,
    refused: Sequence[Refused] = (),
    stale: bool = False,
    status: int = 200,
) -> Response:
    items = await _items(desk, place)
    now = list_form.form_of(stored)
    wrong = {(one.side, one.item): desk.words(f"lists.refusals.{one.kind}") for one in refused}
    newer = {}
    if stale:
        told = {"crm": (now.to_erp, form.to_erp, items.erp), "erp": (now.to_crm, form.to_crm, items.crm)}
        for side, (theirs, mine, names) in told.items():
            for item in {*theirs, *mine}:
                if theirs.get(item, "") != mine.get(item, ""):
                    value = theirs.get(item, "")
                    shown = (names or {}).get(value, value) or desk.words("lists.no_item")
                    newer[(side, item)] = desk.words("lists.now_stored", value=shown)
    return desk.show(
        "admin_lists.html",
        PAGE.name,
        title=desk.words("lists.title"),
        status=status,
        place=place,
        companies=used,
        lists=found,
        base=now.base,
        stale=stale,
        wrong=wrong,
        newer=newer,
        crm_rows=_rows(items.crm, form.to_erp, form.to_crm.values()),
        erp_rows=_rows(items.erp, form.to_crm, form.to_erp.values()),
        crm_items=items.crm,
        erp_items=items.erp,
        blanks=BLANKS,
        unanswered=[
            desk.words(f"rules.systems.{side}")
            for side, listed, known in (
                ("crm", place.listed.crm_list, items.crm),
                ("erp", place.listed.erp_list, items.erp),
            )
            if listed and known is None
        ],
        unmapped=sum(1 for item in items.crm or () if not form.to_erp.get(item)),
        act_href=desk.to(PAGE.path, company=place.company.alias, list=place.listed.name),
    )


def _rows(items: Mapping[str, str] | None, choices: Mapping[str, str], chosen: Any) -> list[tuple[str, str, str]]:
    """Value, name and choice of every item of a side; those that the system does not list (any more) come last."""
    others = sorted({*choices, *(one for one in chosen if one)} - set(items or ()))
    return [
        *((item, name, choices.get(item, "")) for item, name in (items or {}).items()),
        *((item, item, choices.get(item, "")) for item in others),
    ]
