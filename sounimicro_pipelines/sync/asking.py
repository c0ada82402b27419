"""What a person is shown before they answer: two records field by field, and the questions before one is created.

Nothing is written here. What a rule would do is told by the engine's own weighing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.values import ItemMap, Problem, Side, text_of
from sounimicro_pipelines.store import Transaction, baselines, links
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.decide import CRM, effective_direction
from sounimicro_pipelines.sync.filling import too_long as problem_of_length
from sounimicro_pipelines.sync.ports import Port, Record
from sounimicro_pipelines.sync.translate import is_filled, paths_of, read_field
from sounimicro_pipelines.sync.weigh import Group, Scene, Weighed, weigh
from sounimicro_pipelines.sync.world import World

Would = Literal["equal", "to_crm", "to_erp", "ask", "stuck", "left", "shown"]
"""equal: nothing to do. to_crm, to_erp: that side is written. ask: a person must choose. stuck: it cannot travel.
left: each side keeps its own. shown: the field is not synchronized."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a CRM record and an ERP record. `choices` are the sides whose value a person may choose."""

    key: str
    crm_path: str
    erp_path: str
    crm: str
    erp: str
    would: Would
    choices: tuple[Side, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One field to answer before a record is created. `proposed` is the record's own value, or the rule's default.

    `options` are the ERP's items where the field is a mapped list; empty where any text may be written.
    `max_length` is in characters, None where the ERP does not tell it.
    """

    key: str
    erp_path: str
    crm_path: str
    required: bool
    asked: bool
    proposed: str
    options: tuple[str, ...] = ()
    problem: Problem | None = None
    max_length: int | None = None


def differences(
    tx: Transaction, world: World, rule: Rule, link: Link, crm: Record, erp: Record, linked: Sequence[Link]
) -> list[Difference]:
    """Every field in the rule's order; `link` may be one that does not exist yet (id 0), `linked` are those that do."""
    port = world.erp[link.company_key]
    items = world.items(tx, link.company_key)
    stored = baselines.get(tx, link.id) if link.id else None
    owners = _owners(tx, world, rule, link, linked)
    group = Group(rule, world.rules.version(rule.rule), rule.fields, (link,))
    scene = Scene(
        group,
        (crm, erp),
        (world.crm, port),
        {} if stored is None else {link.id: stored},
        (),
        owners,
        items,
        world.now(),
    )
    found = weigh(scene)
    return [_difference(one, scene, found) for one in rule.fields]


def may_choose(one: RuleField, *, owns: bool) -> tuple[Side, ...]:
    """The sides whose value may be chosen: those that may travel."""
    direction = effective_direction(one.direction, owns=owns)
    if not one.crm or not one.erp or direction == "none":
        return ()
    return {"both": ("crm", "erp"), "to_crm": ("erp",), "to_erp": ("crm",)}[direction]  # type: ignore[return-value]


def questions(tx: Transaction, world: World, rule: Rule, crm: Record, company_key: str) -> list[Question]:
    """What must or may be answered before `crm` is created in a company, in the rule's order."""
    items = world.items(tx, company_key)
    port = world.erp[company_key]
    found: list[Question] = []
    for one in rule.fields:
        if not one.erp or not (one.on_create.required or one.on_create.ask):
            continue
        reading = read_field(one, crm, items) if one.crm and one.writes_erp else None
        proposed = ""
        if reading is not None and reading.problem is None and is_filled(one, crm, reading):
            proposed = reading.text
        if one.list and proposed:
            proposed = items.get(one.list, ItemMap("")).counterpart("crm", proposed) or ""
        if not proposed and one.on_create.default is not None:
            proposed = text_of(one.on_create.default)
        problem = reading.problem if reading is not None else None
        if problem is None:
            problem = too_long(port, rule, one, proposed)
        found.append(
            Question(
                key=one.key,
                erp_path=" + ".join(one.erp),
                crm_path=" + ".join(one.crm),
                required=one.on_create.required,
                asked=one.on_create.ask,
                proposed=proposed,
                options=_options(one, items),
                problem=problem,
                max_length=port.max_length(rule.erp[0], one.erp[0]),
            )
        )
    return found


def too_long(port: Port, rule: Rule, one: RuleField, text: str) -> Problem | None:
    """Why a text does not fit into the ERP's field; None when it does."""
    limit = port.max_length(rule.erp[0], one.erp[0])
    if limit is None or len(text) <= limit:
        return None
    return problem_of_length(one.name, "ERP", limit)


def field_named(rule: Rule, name: str) -> RuleField | None:
    """The rule's field by its key or one of its paths, whatever the case."""
    exact = rule.field(name)
    if exact is not None:
        return exact
    for one in rule.fields:
        if name.casefold() in (known.casefold() for known in (one.key, *one.erp, *one.crm)):
            return one
    return None


def nearest_field(rule: Rule, name: str) -> str:
    """What a person may have meant, as a remedy."""
    names: dict[str, str] = {}
    for one in rule.fields:
        names |= {path.casefold(): path for path in (*one.erp, *one.crm)}
    near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {names[near[0]]}?"
    return f"The rule's fields: {', '.join(one.name for one in rule.fields)}."


def _difference(one: RuleField, scene: Scene, found: Weighed) -> Difference:
    crm, erp = (
        read_field(one, record, scene.items) if paths_of(one, record.side) else None for record in scene.records
    )
    would: Would = "left"
    problem: Problem | None = None
    stuck = next((each for each in found.stuck if each.field.key == one.key), None)
    writes = [each for each in found.writes if each.field.key == one.key]
    if not one.crm or not one.erp or one.direction == "none":
        would = "shown"
    elif crm is not None and erp is not None and crm.key == erp.key:
        would = "equal"
    elif stuck is not None:
        would, problem = ("ask", None) if stuck.decision.kind == "conflict" else ("stuck", stuck.problem)
    elif writes:
        would = "to_crm" if writes[0].place == CRM else "to_erp"
    owner = scene.owners.get(one.key)
    choices = may_choose(one, owns=owner in (None, scene.group.links[0].id)) if would not in ("equal", "shown") else ()
    return Difference(
        key=one.key,
        crm_path=" + ".join(one.crm),
        erp_path=" + ".join(one.erp),
        crm=crm.text if crm is not None else "",
        erp=erp.text if erp is not None else "",
        would=would,
        choices=choices,
        problem=problem,
    )


def _owners(tx: Transaction, world: World, rule: Rule, link: Link, linked: Sequence[Link]) -> dict[str, int]:
    """Which link writes a field to the CRM: as stored, else the first one whose rule writes it."""
    found: dict[str, int] = {}
    for other in linked:
        for one in _fields_of(world, other):
            found.setdefault(one.key, other.id)
    for one in rule.fields:
        found.setdefault(one.key, link.id)
    return {**found, **links.owners(tx, link.tenant, link.crm_entity, link.crm_id)}


def _fields_of(world: World, link: Link) -> Iterable[RuleField]:
    try:
        return [one for one in world.rules.get(link.rule).fields if one.writes_crm]
    except KeyError:
        return ()


def _options(one: RuleField, items: Mapping[str, ItemMap]) -> tuple[str, ...]:
    pairs = items[one.list].pairs if one.list and one.list in items else frozenset()
    return tuple(sorted({erp for _, erp in pairs}))
