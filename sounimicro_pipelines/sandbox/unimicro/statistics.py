"""`GET /api/statistics`: joins, expressions and grouping over any entity, with the column names the vendor gives.

Stricter than the business routes: unknown models, fields and functions are errors. Deleted rows are not hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from sounimicro_pipelines.sandbox.unimicro import expressions as ex
from sounimicro_pipelines.sandbox.unimicro.evaluate import Compiler, Getter, Unsupported
from sounimicro_pipelines.sandbox.unimicro.model import BY_LOWER_NAME, ENTITIES, EntityDef, Relation
from sounimicro_pipelines.sandbox.unimicro.query import id_bounds, key_value
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, compare, four, stamp_out

NOT_ALLOWED = frozenset({"Eventplan", "EventSubscriber", "ExpressionFilter"})

Joined = dict[str, Row | None]

_AGGREGATES = frozenset({"count", "sum", "min", "max", "avg"})
_ALIAS = re.compile(r"^(?P<expression>.+?)\s+as\s+(?P<alias>\w+)\s*$", re.IGNORECASE | re.DOTALL)


class StatisticsError(ValueError):
    """What the endpoint answers when a query cannot be run."""


@dataclass(slots=True)
class _Source:
    """One joined table: the name it is addressed by, its entity, and how its rows are found from a joined row."""

    name: str
    entity: EntityDef
    find: Callable[[Joined], list[Row]] | None = None


@dataclass(slots=True)
class _Column:
    name: str
    node: ex.Node
    aggregate: bool


@dataclass(slots=True)
class _Plan:
    sources: list[_Source] = field(default_factory=list)

    def source(self, name: str) -> _Source | None:
        lowered = name.lower()
        return next((source for source in self.sources if source.name.lower() == lowered), None)


class Statistics:
    """Answers statistics queries of one company."""

    def __init__(self, store: CompanyStore) -> None:
        self.store = store

    def run(self, parameters: Mapping[str, str]) -> tuple[list[dict[str, Any]], int]:
        """Rows of the page and the grand total. Raises StatisticsError."""
        try:
            return self._run(parameters)
        except (ex.SyntaxProblem, Unsupported) as problem:
            raise StatisticsError(str(problem)) from None

    def _run(self, parameters: Mapping[str, str]) -> tuple[list[dict[str, Any]], int]:
        model = parameters.get("model", "")
        entity = BY_LOWER_NAME.get(model.lower())
        if entity is None:
            raise StatisticsError(f"Model '{model}' not found")
        if entity.name in NOT_ALLOWED:
            raise StatisticsError(f"Model '{entity.name}' is not allowed in statistics.")
        plan = _Plan([_Source(entity.name, entity)])
        for path in (parameters.get("expand") or "").split(","):
            if path.strip():
                self._expand(plan, path.strip())
        for join in re.split(r"\s+and\s+", parameters.get("join") or "", flags=re.IGNORECASE):
            if join.strip():
                self._join(plan, join.strip())
        columns = self._columns(entity, parameters.get("select") or "ID")
        rows = self._rows(plan, parameters.get("filter"))
        results = self._results(plan, columns, rows, parameters)
        if parameters.get("distinct", "true").lower() != "false":
            results = _distinct(results)
        total = len(results)
        skip = int(parameters["skip"]) if parameters.get("skip", "").isdigit() else 0
        if skip:
            results = [{**row, "allPagesRowIndex": place} for place, row in enumerate(results, start=1)][skip:]
        if parameters.get("top", "").isdigit():
            results = results[: int(parameters["top"])]
        return results, total

    # joins

    def _expand(self, plan: _Plan, path: str) -> None:
        owner = plan.sources[0]
        parts = path.split(".")
        if owner.entity.relation(parts[0]) is None and parts[0].lower() == owner.name.lower():
            parts = parts[1:]
        for part in parts:
            known = plan.source(part)
            relation = owner.entity.relation(part) or self._by_model(owner.entity, part)
            if relation is None:
                raise StatisticsError(f"Could not find relation '{part}' on '{owner.entity.name}'")
            if known is None or known is plan.sources[0]:
                known = _Source(relation.name, ENTITIES[relation.target], _follow(self.store, owner.name, relation))
                plan.sources.append(known)
            owner = known

    def _by_model(self, entity: EntityDef, model: str) -> Relation | None:
        """`expand` also takes the name of a related model."""
        return next((one for one in entity.relations.values() if one.target.lower() == model.lower()), None)

    def _join(self, plan: _Plan, text: str) -> None:
        match = re.fullmatch(r"(\w+)\.(\w+)\s+eq\s+(\w+)\.(\w+)(?:\s+as\s+(\w+))?", text, re.IGNORECASE)
        if match is None:
            raise StatisticsError(f"Invalid join: {text}")
        left, left_key, right, right_key, alias = match.groups()
        if plan.source(left) is None:
            left, left_key, right, right_key = right, right_key, left, left_key
        owner, target = plan.source(left), BY_LOWER_NAME.get(right.lower())
        if owner is None or target is None:
            raise StatisticsError(f"Model '{right if owner else left}' not found")
        own, other = owner.entity.field(left_key), target.field(right_key)
        if own is None or other is None:
            raise StatisticsError(f"Invalid join: {text}")
        table, own_name, other_name, name = self.store.table(target.name), own.name, other.name, owner.name

        def find(joined: Joined) -> list[Row]:
            row = joined[name]
            value = row.get(own_name) if row else None
            return [] if value is None else table.with_key(other_name, value)

        plan.sources.append(_Source(alias or target.name, target, find))

    def _rows(self, plan: _Plan, text: str | None) -> Iterable[Joined]:
        main = plan.sources[0]
        table = self.store.table(main.entity.name)
        ids: Iterable[int] = table.ids
        early: list[Callable[[Any], bool]] = []
        late: list[Callable[[Any], bool]] = []
        if text and text.strip():
            low, high, rest = id_bounds(ex.parse(text))
            if low is not None or high is not None:
                ids = table.between(low or 0, high)
            compiler = self._compiler(plan)
            only_main = self._compiler(_Plan([main]))
            for node in rest:
                try:
                    early.append(only_main.condition(node))
                    bound = key_value(main.entity, node)
                    if bound is not None and ids is table.ids:
                        ids = table.index(bound[0]).get(bound[1], ())
                except Unsupported:
                    late.append(compiler.condition(node))
        for row_id in list(ids):
            joined: Joined = {main.name: table.rows[row_id]}
            if not all(test(joined) for test in early):
                continue
            for complete in self._combinations(plan.sources[1:], joined):
                if all(test(complete) for test in late):
                    yield complete

    def _combinations(self, sources: list[_Source], joined: Joined) -> Iterable[Joined]:
        """Left joins: a row without partner goes on with null."""
        if not sources:
            yield joined
            return
        source, *rest = sources
        found: list[Row | None] = list(source.find(joined)) if source.find else []
        for row in found or [None]:
            yield from self._combinations(rest, {**joined, source.name: row})

    # expressions

    def _compiler(self, plan: _Plan) -> Compiler:
        return Compiler(lambda path: self._resolve(plan, path), full=True, now=self.store.clock.now())

    def _resolve(self, plan: _Plan, path: str) -> Getter:
        parts = path.split(".")
        source = plan.sources[0]
        if len(parts) > 1:
            found = plan.source(parts[-2])
            if found is None or (found is source and len(parts) > 2):
                found = self._implicit(plan, parts[:-1])
            source = found
        definition = source.entity.field(parts[-1])
        if definition is None:
            raise Unsupported(f"Could not find field '{path}' on '{source.entity.name}'")
        name, label = definition.name, source.name
        if name == "Deleted":
            return lambda joined: None if (row := joined[label]) is None else bool(row.get("Deleted"))
        if definition.type == "dt":

            def moment(joined: Joined) -> Any:
                row = joined[label]
                return row.get(name) if row else None

            return moment
        return lambda joined: row.get(name) if (row := joined[label]) else None

    def _implicit(self, plan: _Plan, parts: list[str]) -> _Source:
        """`Info.Name` without expand: the relation is joined by being named, as the web client relies on."""
        if plan.sources[0].entity.relation(parts[0]) is None and plan.source(parts[0]) is None:
            raise Unsupported(f"Could not find relation '{parts[0]}' on '{plan.sources[0].entity.name}'")
        raise Unsupported(f"'{'.'.join(parts)}' must be expanded")

    def _columns(self, entity: EntityDef, select: str) -> list[_Column]:
        columns = []
        for part in ex.split_commas(select.replace("\\,", ",")):
            match = None if part != part.lstrip() else _ALIAS.match(part)
            text = match["expression"] if match else re.sub(r"\s+as\s+\w+\s*$", "", part, flags=re.IGNORECASE).strip()
            node = ex.parse(text)
            name = match["alias"] if match else column_name(entity, text)
            columns.append(_Column(name, node, _has_aggregate(node)))
        return columns

    # grouping

    def _results(
        self, plan: _Plan, columns: list[_Column], rows: Iterable[Joined], parameters: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        having = ex.parse(parameters["having"]) if (parameters.get("having") or "").strip() else None
        order = self._order(parameters.get("orderby") or "")
        nodes = [column.node for column in columns] + [node for node, _ in order] + ([having] if having else [])
        grouped = any(_has_aggregate(node) for node in nodes)
        compiler = self._compiler(plan)
        if grouped:
            keys = [compiler.value(node) for node in nodes if not _has_aggregate(node)]
            groups: dict[tuple[Any, ...], list[Joined]] = {}
            for row in rows:
                groups.setdefault(tuple(_hashable(key(row)) for key in keys), []).append(row)
            if not groups and not keys:
                groups[()] = []
            contexts: list[list[Joined]] = list(groups.values())
        else:
            contexts = [[row] for row in rows]
        functions = [_grouped(compiler, column.node) for column in columns]
        if having is not None:
            test = _grouped(compiler, having)
            contexts = [context for context in contexts if test(context) is True]
        for node, descending in reversed(order):
            getter = _grouped(compiler, node)
            contexts.sort(key=_sort_key(getter), reverse=descending)
        return [
            {column.name: _out(function(context)) for column, function in zip(columns, functions, strict=True)}
            for context in contexts
        ]

    def _order(self, text: str) -> list[tuple[ex.Node, bool]]:
        order = []
        for part in ex.split_commas(text.replace("\\,", ",")):
            match = re.fullmatch(r"\s*(.+?)(?:\s+(asc|desc))?\s*", part, re.IGNORECASE | re.DOTALL)
            if match:
                order.append((ex.parse(match[1]), (match[2] or "").lower() == "desc"))
        return order


def column_name(entity: EntityDef, text: str) -> str:
    """The key of a column without alias: `ID` → `CustomerID`, `Info.Name` → `InfoName`, `sum(X)` → `sumX`."""
    bare = text.strip()
    if re.fullmatch(r"\w+", bare):
        return f"{entity.name}{bare}" if bare.lower() in ("id", "statuscode") else bare
    return re.sub(r"[^\w]", "", bare)


def _follow(store: CompanyStore, owner: str, relation: Relation) -> Callable[[Joined], list[Row]]:
    table = store.table(relation.target)

    def find(joined: Joined) -> list[Row]:
        row = joined[owner]
        if row is None:
            return []
        if relation.kind == "one":
            target = table.rows.get(row.get(relation.key, 0))
            return [target] if target else []
        return table.with_key(relation.key, row["ID"])

    return find


def _has_aggregate(node: ex.Node) -> bool:
    match node:
        case ex.Call(name, arguments):
            return name.lower() in _AGGREGATES or any(_has_aggregate(argument) for argument in arguments)
        case ex.Operation(_, left, right):
            return _has_aggregate(left) or _has_aggregate(right)
        case ex.Not(operand):
            return _has_aggregate(operand)
        case ex.Within(operand, items):
            return _has_aggregate(operand) or any(_has_aggregate(item) for item in items)
        case _:
            return False


def _grouped(compiler: Compiler, node: ex.Node) -> Callable[[list[Joined]], Any]:
    """An expression over a group of joined rows: aggregates over all, anything else from the first."""
    if not _has_aggregate(node):
        single = compiler.value(node)
        return lambda group: single(group[0]) if group else None
    if isinstance(node, ex.Call) and node.name.lower() in _AGGREGATES:
        if len(node.arguments) != 1:
            raise Unsupported(f"Invalid number of arguments for function: {node.name}")
        return _aggregate(node.name.lower(), compiler.value(node.arguments[0]))
    parts: list[Callable[[list[Joined]], Any]] = []

    def lift(inner: ex.Node) -> ex.Node:
        """Replaces every aggregate by a reference to its value."""
        match inner:
            case ex.Call(name, arguments) if name.lower() in _AGGREGATES:
                parts.append(_grouped(compiler, inner))
                return ex.Path(f"#{len(parts) - 1}")
            case ex.Call(name, arguments):
                return ex.Call(name, tuple(lift(argument) for argument in arguments))
            case ex.Operation(operator, left, right):
                return ex.Operation(operator, lift(left), lift(right))
            case ex.Not(operand):
                return ex.Not(lift(operand))
            case ex.Within(operand, items, negated):
                return ex.Within(lift(operand), tuple(lift(item) for item in items), negated)
            case _:
                return inner

    def resolve(path: str) -> Getter:
        if path.startswith("#"):
            place = int(path[1:])
            return lambda context: context[0][place]
        inner = compiler.resolve(path)
        return lambda context: inner(context[1][0]) if context[1] else None

    outer = Compiler(resolve, full=True, now=compiler.now).value(lift(node))
    return lambda group: outer(([part(group) for part in parts], group))


def _aggregate(name: str, value: Getter) -> Callable[[list[Joined]], Any]:
    def found(group: list[Joined]) -> list[Any]:
        return [one for one in map(value, group) if one is not None]

    def total(group: list[Joined]) -> Any:
        numbers = found(group)
        return (
            sum((Decimal(str(int(one) if isinstance(one, bool) else one)) for one in numbers), ZERO)
            if numbers
            else None
        )

    match name:
        case "count":
            return lambda group: len(found(group))
        case "sum":
            return total
        case "avg":
            return lambda group: four(total(group) / len(found(group))) if found(group) else None
        case "min":
            return lambda group: min(found(group), key=cmp_to_key(lambda a, b: compare(a, b) or 0), default=None)
        case _:
            return lambda group: max(found(group), key=cmp_to_key(lambda a, b: compare(a, b) or 0), default=None)


def _sort_key(getter: Callable[[list[Joined]], Any]) -> Callable[[list[Joined]], Any]:
    order = cmp_to_key(lambda left, right: compare(left, right) or 0)

    def key(group: list[Joined]) -> Any:
        value = getter(group)
        return (0,) if value is None else (1, order(value))

    return key


def _distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for row in rows:
        key = tuple(_hashable(value) for value in row.values())
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def _hashable(value: Any) -> Any:
    return value if not isinstance(value, (dict, list)) else repr(value)


def _out(value: Any) -> Any:
    if isinstance(value, str) and len(value) == 24 and value[10] == "T" and value.endswith("Z"):
        return stamp_out(value)
    return value
