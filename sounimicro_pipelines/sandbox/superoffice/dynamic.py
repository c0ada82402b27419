"""The dynamic archive (section 3.3): tables and columns by database name, with outer, inner and right joins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import filters
from sounimicro_pipelines.sandbox.superoffice.archives import Page, Query
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.filters import ColumnKind, Moment
from sounimicro_pipelines.sandbox.superoffice.options import CrmOptions
from sounimicro_pipelines.sandbox.superoffice.tables import BY_NAME, HIDDEN_TABLES, Database, Row, TableDef
from sounimicro_pipelines.sandbox.superoffice.wire import Manner

_STEP = re.compile(r"([.:])(\(\w+->\w+\)|\w+)")
_RIGHT = re.compile(r"\((\w+)->(\w+)\)")
_HIDDEN_COLUMNS = {"isOwner", "birthDate", "values", "userName", "role", "administrator", "udlistdefinition_id"}
_DATES = {"registered", "updated", "deletedDate", "endDate", "nextMilestoneDate", "dbi_last_modified"} | {
    "dbi_last_syncronized"
}
_TABLES = {name.lower(): definition for name, definition in BY_NAME.items() if name not in HIDDEN_TABLES}
_SEQUENCE = TableDef("sequence", "sequence_id", {"next_id": 0, "tablename": ""})


@dataclass(frozen=True, slots=True)
class _Join:
    """One step from the table at `parent` to another: `way` is `.` (outer), `:` (inner) or `>` (right, outer)."""

    path: str
    parent: str
    way: str
    column: str
    table: TableDef


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table at `path`."""

    path: str
    column: str
    kind: ColumnKind


class _Plan:
    """Base table, joins in order, and columns, as the names of a query ask for them."""

    def __init__(self, base: str) -> None:
        definition = _SEQUENCE if base.lower() == "sequence" else _TABLES.get(base.lower())
        if definition is None:
            raise bad_request(f"There is no table '{base}'")
        self.base = definition
        self.joins: dict[str, _Join] = {}

    def column(self, name: str) -> _Column:
        """Resolve a dotted name, noting the joins it needs. Raises ApiError 400."""
        base, _, _ = name.partition(".")
        steps = _STEP.findall(name[len(base.partition(":")[0]) :])
        if base.partition(":")[0].lower() != self.base.name.lower() or not steps:
            raise bad_request(f"The column '{name}' must start at the table '{self.base.name}'")
        path, definition = "", self.base
        for separator, step in steps[:-1]:
            path, definition = self._join(path, definition, separator, step)
        return self._leaf(path, definition, steps[-1][1])

    def _join(self, parent: str, definition: TableDef, separator: str, step: str) -> tuple[str, TableDef]:
        path = f"{parent}{separator}{step.lower()}"
        if path in self.joins:
            return path, self.joins[path].table
        right = _RIGHT.fullmatch(step)
        if right:
            target = _TABLES.get(right[1].lower())
            if target is None:
                raise bad_request(f"There is no table '{right[1]}'")
            join = _Join(path, parent, ">", _named(target, right[2]), target)
        else:
            column = _named(definition, step)
            if column not in definition.keys:
                raise bad_request(f"'{definition.name}.{column}' is no foreign key")
            join = _Join(path, parent, separator, column, _TABLES[definition.keys[column].lower()])
        self.joins[path] = join
        return path, join.table

    def _leaf(self, path: str, definition: TableDef, name: str) -> _Column:
        column = _named(definition, name)
        default = definition.columns.get(column, 0)
        kind: ColumnKind = "text" if isinstance(default, str) else "decimal" if isinstance(default, float) else "int"
        return _Column(path, column, "datetime" if column in _DATES else kind)


def _named(definition: TableDef, name: str) -> str:
    if name.lower() == definition.pk.lower():
        return definition.pk
    found = next((column for column in definition.columns if column.lower() == name.lower()), None)
    if found is None or found in _HIDDEN_COLUMNS:
        raise bad_request(f"The table '{definition.name}' has no column '{name}'")
    return found


Binding = dict[str, Row | None]


class DynamicArchive:
    """Runs dotted queries over the tables."""

    def __init__(self, db: Database, options: CrmOptions) -> None:
        self.db = db
        self.options = options

    def run(self, query: Query, manner: Manner, moment: Moment) -> Page:
        """One page of rows. Softly deleted rows are rows like others here. Raises ApiError 400."""
        if not query.select:
            raise bad_request("The dynamic archive wants $select")
        plan = _Plan(re.split(r"[.:]", query.select[0])[0])
        selected = [(name, plan.column(name)) for name in query.select]
        resolved = {name.lower(): column for name, column in selected}

        def column(name: str) -> _Column:
            if name.lower() not in resolved:
                resolved[name.lower()] = plan.column(name)
            return resolved[name.lower()]

        restriction = filters.parse(query.filter, lambda name: column(name).kind, moment) if query.filter else None
        order = [part.split() for part in query.orderby.split(",") if part.strip()]
        for part in order:
            column(part[0])
        lowest = 0
        for name, bound in restriction.lower.items() if restriction else ():
            if column(name).path == "" and column(name).column == plan.base.pk:
                lowest = max(lowest, bound)

        def value(binding: Binding, name: str) -> Any:
            found = column(name)
            row = binding[found.path]
            return None if row is None else _plain(row[found.column], found.kind)

        bindings: Iterable[Binding] = self._bindings(plan, lowest)
        if restriction is not None:
            test = restriction.predicate
            bindings = (binding for binding in bindings if test(lambda name, at=binding: value(at, name)))  # type: ignore[misc]
        if order and not (column(order[0][0]).path == "" and column(order[0][0]).column == plan.base.pk):
            bindings = _sorted(bindings, order, value)
        elif order and len(order[0]) > 1 and order[0][1].lower() == "desc":
            bindings = reversed(list(bindings))
        top = min(query.top if query.top is not None else self.options.default_top, self.options.max_top)
        page: list[Binding] = []
        for number, binding in enumerate(bindings):
            if number >= query.skip:
                page.append(binding)
            if len(page) > top:
                break
        rows = [self._json(plan, selected, binding, query, manner) for binding in page[:top]]
        return Page(rows, len(page) > top)

    def _bindings(self, plan: _Plan, lowest: int) -> Iterator[Binding]:
        for row in self._base_rows(plan.base, lowest):
            found: list[Binding] = [{"": row}]
            for join in plan.joins.values():
                found = [wider for binding in found for wider in self._widen(binding, join)]
            yield from found

    def _base_rows(self, base: TableDef, lowest: int) -> Iterator[Row]:
        if base is _SEQUENCE:
            tables = [table for name, table in self.db.tables.items() if name not in HIDDEN_TABLES]
            for number, table in enumerate(tables, start=1):
                yield {"sequence_id": number, "next_id": table.next_id, "tablename": table.name}
            return
        rows = self.db[base.name].rows
        for key in sorted(key for key in rows if key > lowest):
            yield rows[key]

    def _widen(self, binding: Binding, join: _Join) -> Iterator[Binding]:
        parent = binding[join.parent]
        if parent is None:
            yield {**binding, join.path: None}
            return
        table = self.db[join.table.name]
        if join.way == ">":
            key = parent[next(iter(parent))]
            matches = table.where(join.column, key)
        else:
            match = table.get(parent[join.column])
            matches = [match] if match is not None else []
        for row in matches:
            yield {**binding, join.path: row}
        if not matches and join.way != ":":
            yield {**binding, join.path: None}

    def _json(
        self, plan: _Plan, selected: list[tuple[str, _Column]], binding: Binding, query: Query, manner: Manner
    ) -> dict[str, Any]:
        base = binding[""] or {}
        key = base.get(plan.base.pk, 0)
        head: dict[str, Any] = {
            "PrimaryKey": key if self.options.numeric_primary_key else str(key),
            "EntityName": "dynamic",
        }
        cells: dict[str, Any] = {}
        for name, column in selected:
            row = binding[column.path]
            raw = None if row is None else _plain(row[column.column], column.kind)
            cells[name] = manner.stamp(raw) if column.kind == "datetime" and raw is not None else raw
        if not query.full:
            return {**head, **cells}
        full = {
            name: {"RawValue": cell, "DisplayValue": cell, "LinkHint": "", "TooltipHint": ""}
            for name, cell in cells.items()
        }
        return {**head, "StyleHint": "", "LinkHint": "", "TableRight": {"Mask": 15, "Reason": ""}, "Column": full}


def _plain(value: Any, kind: ColumnKind) -> Any:
    """Database values: flags are 0 and 1, texts are never null."""
    if isinstance(value, bool):
        return int(value)
    return "" if value is None and kind == "text" else value


def _sorted(bindings: Iterable[Binding], order: list[list[str]], value: Any) -> list[Binding]:
    result = list(bindings)
    for part in reversed(order):
        name, descending = part[0], len(part) > 1 and part[1].lower() == "desc"

        def sort_key(binding: Binding, name: str = name) -> tuple[bool, Any]:
            found = value(binding, name)
            return (found is not None, found.lower() if isinstance(found, str) else found if found is not None else 0)

        result.sort(key=sort_key, reverse=descending)
    return result
