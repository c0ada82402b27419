"""Between records and rules: reading a field of a record as it is compared, and the changes that write a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.transforms import CannotWrite
from sounimicro_pipelines.rules.values import Context, ItemMap, Problem, Reading, Scalar, Side, text_of
from sounimicro_pipelines.sync.decide import Presence
from sounimicro_pipelines.sync.ports import Port, Record


def context_of(field: RuleField, record: Record, items: Mapping[str, ItemMap]) -> Context:
    """What the field's transform may know."""
    return Context(country=record.country, items=items.get(field.list) if field.list else None)


def paths_of(field: RuleField, side: Side) -> tuple[str, ...]:
    return field.crm if side == "crm" else field.erp


def read_field(field: RuleField, record: Record, items: Mapping[str, ItemMap]) -> Reading:
    """The field's value in a record."""
    raw = tuple(record.values.get(path) for path in paths_of(field, record.side))
    return field.transformer.read(record.side, raw, context_of(field, record, items))


def is_filled(field: RuleField, record: Record, value: Reading) -> bool:
    """Whether the field holds something that anybody has put there."""
    return not value.empty and not record.unset.issuperset(paths_of(field, record.side))


def reread(field: RuleField, side: Side, text: str, country: str, items: Mapping[str, ItemMap]) -> Reading:
    """A value that a baseline or the history has kept."""
    context = Context(country=country, items=items.get(field.list) if field.list else None)
    return field.transformer.read(side, (text,), context)


def presence_of(field: RuleField, record: Record, port: Port) -> Presence:
    """Whether the field can be read and written in this record."""
    paths = paths_of(field, record.side)
    if any(path not in record.values for path in paths):
        return "unreadable"
    if record.locked is not None:
        return "read_only"
    return "required" if any(port.is_required(record.entity, path) for path in paths) else "present"


def write_values(
    field: RuleField, value: Reading, target: Record, port: Port, items: Mapping[str, ItemMap]
) -> dict[str, Scalar]:
    """The paths that give `target` this value, with only what differs from what stands there.

    Raises CannotWrite when there is no counterpart, or when it is too long; nothing is ever cut off.
    """
    paths = paths_of(field, target.side)
    current = tuple(target.values.get(path) for path in paths)
    written = field.transformer.write(target.side, value, current, context_of(field, target, items))
    return _changes(field, target, port, paths, current, written)


def restore_values(
    field: RuleField, text: str, target: Record, port: Port, items: Mapping[str, ItemMap]
) -> dict[str, Scalar]:
    """The paths that give `target` back a value which it has held before, as the history keeps it.

    Raises CannotWrite as `write_values` does.
    """
    paths = paths_of(field, target.side)
    current = tuple(target.values.get(path) for path in paths)
    context = context_of(field, target, items)
    value = field.transformer.read(target.side, (text,), context)
    written: Sequence[Scalar] = (text,)
    if len(paths) > 1 or (field.list is None and value.problem is None):
        written = field.transformer.write(target.side, value, current, context)
    return _changes(field, target, port, paths, current, written)


def _changes(
    field: RuleField,
    target: Record,
    port: Port,
    paths: Sequence[str],
    current: Sequence[Scalar],
    written: Sequence[Scalar],
) -> dict[str, Scalar]:
    changes: dict[str, Scalar] = {}
    for path, old, new in zip(paths, current, written, strict=True):
        text = text_of(new)
        limit = port.max_length(target.entity, path)
        if limit is not None and len(text) > limit:
            raise CannotWrite(_too_long(field, target.side, limit))
        if text != text_of(old):
            changes[path] = new
    return changes


def takes_part(rule: Rule, record: Record) -> bool:
    """Whether a record meets the rule's conditions of its side."""
    conditions = rule.takes_part.crm if record.side == "crm" else rule.takes_part.erp
    return all(record.facts.get(name, "") in values for name, values in conditions.items())


def initiates(rule: Rule, side: Side) -> bool:
    """Whether records of this side that are linked to nothing are looked at by themselves.

    A rule without conditions for the CRM leaves the first step to the ERP or to a person.
    """
    return side == "erp" or bool(rule.takes_part.crm)


def all_paths(rules: Iterable[Rule], side: Side) -> tuple[str, ...]:
    """Every path of one side that these rules name."""
    return tuple(
        dict.fromkeys(path for rule in rules for path in (rule.crm_paths() if side == "crm" else rule.erp_paths()))
    )


def missing_answers(fields: Sequence[RuleField], values: Mapping[str, str]) -> list[RuleField]:
    """Fields that must be answered before a record is created, and are not."""
    return [field for field in fields if field.on_create.required and not values.get(field.key)]


def _too_long(field: RuleField, side: Side, limit: int) -> Problem:
    system = "CRM" if side == "crm" else "ERP"
    return Problem(
        "too_long",
        f"The value of {field.name} is too long for the {system}, which holds {limit} characters.",
        "Shorten it where it comes from; nothing is cut off by itself.",
    )
