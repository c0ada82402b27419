"""GET on the business routes: filter, select, expand, orderby, top, skip, with the silent-ignore trap."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from sounimicro_pipelines.sandbox.unimicro import expressions as ex
from sounimicro_pipelines.sandbox.unimicro.evaluate import Compiler, Getter, Unsupported
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES, EntityDef, Relation
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import compare, parse_moment, stamp, stamp_out

KNOWN_PARAMETERS = frozenset({"filter", "select", "expand", "orderby", "top", "skip", "hateoas", "action"})


@dataclass(slots=True)
class QueryOptions:
    """How the server behaves where the vendor leaves it open, and the strict switch for tests.

    `default_page` is the page when `top` is missing, `max_page` the most that `top` gives. `strict` answers 400 where
    the real API silently ignores. `unordered` is the order when none is asked for: "id", or "reversed" to punish those
    who rely on it. `date_style` "stamp" writes dates as `2026-04-30T00:00:00Z`. For `search_lag` seconds a new row is
    not found in lists, though it can be read by its id.
    """

    default_page: int = 100
    max_page: int | None = None
    strict: bool = False
    unordered: str = "reversed"
    date_style: str = "day"
    search_lag: float = 0.0


class Ignored(ValueError):
    """Something in the request that the real API ignores; raised in strict mode only."""


@dataclass(slots=True)
class _Tree:
    """Relations to expand, as a tree of lower-case names."""

    children: dict[str, _Tree] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[str]) -> _Tree:
        tree = cls()
        for path in paths:
            node = tree
            for part in path.strip().split("."):
                node = node.children.setdefault(part.strip().lower(), cls())
        return tree


class Query:
    """Answers list and single-record reads of one company."""

    def __init__(self, store: CompanyStore, options: QueryOptions) -> None:
        self.store = store
        self.options = options
        self._cache: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    def page(self, entity: EntityDef, parameters: Mapping[str, str]) -> tuple[list[Row], int]:
        """The rows of one page as the answer carries them, and how many match in all."""
        self._check_names(parameters)
        node = self._filter_tree(entity, parameters.get("filter"))
        ids = self._matching(entity, node, parameters.get("orderby"))
        total = len(ids)
        skip = self._number(parameters.get("skip")) or 0
        top = self._number(parameters.get("top"))
        size = self.options.default_page if top is None else top
        if self.options.max_page is not None:
            size = min(size, self.options.max_page)
        page = ids[skip : skip + size]
        rows = self.store.table(entity.name).rows
        tree, columns = self._expansion(entity, parameters), self._selection(parameters)
        return [self.render(entity, rows[row_id], tree, columns) for row_id in page], total

    def one(self, entity: EntityDef, row: Row, parameters: Mapping[str, str]) -> Row:
        """A single record with what is expanded and selected."""
        self._check_names(parameters)
        return self.render(entity, row, self._expansion(entity, parameters), self._selection(parameters))

    def render(
        self, entity: EntityDef, row: Row, tree: _Tree | None = None, columns: _Tree | None = None
    ) -> dict[str, Any]:
        """A row as the answer carries it: every scalar, null where empty; relations only when expanded."""
        answer: dict[str, Any] = {**entity.blank, **row}
        for name in entity.stamp_fields:
            value = answer[name]
            if value is not None:
                answer[name] = stamp_out(value)
        if self.options.date_style == "stamp":
            for name in entity.date_fields:
                if answer[name] is not None:
                    answer[name] += "T00:00:00Z"
        if columns is not None:
            kept = {"id", "deleted", "customvalues", *(name for name, node in columns.children.items())}
            answer = {name: value for name, value in answer.items() if name.lower() in kept}
        for name, node in (tree.children if tree else {}).items():
            relation = entity.relation(name)
            if relation is None:
                continue
            wanted = columns.children.get(name) if columns else None
            answer[relation.name] = self._related(relation, row, node, wanted if wanted and wanted.children else None)
        return answer

    def _related(self, relation: Relation, row: Row, tree: _Tree, columns: _Tree | None) -> Any:
        target = ENTITIES[relation.target]
        found = related(self.store, relation, row)
        if relation.kind == "many":
            return [self.render(target, child, tree, columns) for child in found]
        return self.render(target, found[0], tree, columns) if found else None

    def _matching(self, entity: EntityDef, node: ex.Node | None, orderby: str | None) -> list[int]:
        low, high, rest = id_bounds(node)
        key = (entity.name, repr(rest), (orderby or "").lower(), self.store.version)
        ids = None if self.options.search_lag else self._cache.get(key)
        if ids is None:
            ids = self._ordered(entity, self._filtered(entity, rest), orderby)
            if not self.options.search_lag:
                self._cache[key] = ids
            while len(self._cache) > 24:
                self._cache.popitem(last=False)
        if low is None and high is None:
            return ids
        if (orderby or "").strip().lower() in ("id", "id asc"):
            start = bisect_right(ids, low) if low is not None else 0
            return ids[start : bisect_right(ids, high) if high is not None else None]
        return [row_id for row_id in ids if (low is None or row_id > low) and (high is None or row_id <= high)]

    def _filtered(self, entity: EntityDef, rest: list[ex.Node]) -> list[int]:
        table = self.store.table(entity.name)
        rows = table.rows
        candidates: Iterable[int] = table.ids
        if self.options.search_lag:
            found_until = stamp(self.store.clock.now() - timedelta(seconds=self.options.search_lag))
            candidates = [row_id for row_id in candidates if rows[row_id]["CreatedAt"] <= found_until]
        for node in rest:
            bound = key_value(entity, node)
            if bound is not None and candidates is table.ids:
                candidates = table.index(bound[0]).get(bound[1], ())
        if rest:
            joined = rest[0]
            for node in rest[1:]:
                joined = ex.Operation("and", joined, node)
            test = self._test(entity, joined)
            return [row_id for row_id in candidates if not rows[row_id].get("Deleted") and test(rows[row_id])]
        return [row_id for row_id in candidates if not rows[row_id].get("Deleted")]

    def _test(self, entity: EntityDef, node: ex.Node) -> Callable[[Row], bool]:
        """The condition as a function of a row; a condition on a collection holds when one member fulfils it."""
        condition = self._compiler(entity).condition(node)
        heads = {path.partition(".")[0].lower() for path in ex.paths(node) if "." in path}
        many = [relation for head in heads if (relation := entity.relation(head)) and relation.kind == "many"]
        if not many:
            return condition

        def any_member(row: Row) -> bool:
            bound = [row]
            for relation in many:
                members = related(self.store, relation, row)
                bound = [{**one, f"*{relation.name}": member} for one in bound for member in members]
            return any(condition(one) for one in bound)

        return any_member

    def _ordered(self, entity: EntityDef, ids: list[int], orderby: str | None) -> list[int]:
        getters: list[tuple[Getter, bool]] = []
        for part in (orderby or "").split(","):
            words = part.split()
            if not words:
                continue
            try:
                getters.append((self.path(entity, words[0]), len(words) > 1 and words[1].lower() == "desc"))
            except Unsupported as problem:
                self._ignore(str(problem))
        if not getters:
            return ids if self.options.unordered == "id" else ids[::-1]
        rows = self.store.table(entity.name).rows
        for getter, descending in reversed(getters):
            ids = sorted(ids, key=_nulls_first(getter, rows), reverse=descending)
        return ids

    def _filter_tree(self, entity: EntityDef, text: str | None) -> ex.Node | None:
        """The filter's tree, or None when there is none or the real API would ignore it."""
        if text is None:
            return None
        try:
            node = ex.parse(text)
            self._compiler(entity).condition(node)
            self._check_moments(entity, node)
        except (ex.SyntaxProblem, Unsupported) as problem:
            self._ignore(str(problem))
            return None
        return node

    def _check_moments(self, entity: EntityDef, node: ex.Node) -> None:
        """A date or date-time field is compared with a literal that can be read as one, or the filter is ignored."""
        match node:
            case ex.Operation(_, ex.Path(path), ex.Literal(str(value))):
                kind = _field_type(entity, path)
                if kind in ("d", "dt") and parse_moment(value) is None:
                    raise Unsupported(f"'{value}' is not a date")
            case ex.Operation(_, left, right):
                self._check_moments(entity, left)
                self._check_moments(entity, right)
            case ex.Not(operand):
                self._check_moments(entity, operand)
            case _:
                return

    def _compiler(self, entity: EntityDef) -> Compiler:
        return Compiler(lambda path: self.path(entity, path), full=False, now=self.store.clock.now())

    def path(self, entity: EntityDef, path: str) -> Getter:
        """A getter for a dotted path; through a collection it reads the member bound under `*Name`, else the first."""
        head, _, tail = path.partition(".")
        if not tail:
            definition = entity.field(head)
            if definition is None:
                raise Unsupported(f"Unknown field {path} on {entity.name}")
            name = definition.name
            if name == "Deleted":
                return lambda row: bool(row.get("Deleted"))
            return lambda row: row.get(name)
        relation = entity.relation(head)
        if relation is None:
            raise Unsupported(f"Unknown relation {head} on {entity.name}")
        inner = self.path(ENTITIES[relation.target], tail)
        store, member = self.store, f"*{relation.name}"

        def through(row: Row) -> Any:
            if member in row:
                return inner(row[member])
            found = related(store, relation, row)
            return inner(found[0]) if found else None

        return through

    def _expansion(self, entity: EntityDef, parameters: Mapping[str, str]) -> _Tree | None:
        if not parameters.get("expand"):
            return None
        return _Tree.of(parameters["expand"].split(","))

    def _selection(self, parameters: Mapping[str, str]) -> _Tree | None:
        if not parameters.get("select"):
            return None
        return _Tree.of(parameters["select"].split(","))

    def _check_names(self, parameters: Mapping[str, str]) -> None:
        for name in parameters:
            if name not in KNOWN_PARAMETERS:
                self._ignore(f"Unknown parameter {name}")

    def _ignore(self, message: str) -> None:
        if self.options.strict:
            raise Ignored(message)

    def _number(self, text: str | None) -> int | None:
        if text is None:
            return None
        if not text.strip().isdigit():
            self._ignore(f"Not a number: {text}")
            return None
        return int(text)


def related(store: CompanyStore, relation: Relation, row: Row) -> list[Row]:
    """The rows at the other end of a relation: at most one, or all live children by id."""
    if relation.kind == "one":
        target = store.get(relation.target, row.get(relation.key))
        return [target] if target else []
    children = store.table(relation.target).with_key(relation.key, row["ID"])
    live = [child for child in children if not child.get("Deleted")]
    return live[:1] if relation.kind == "reverse" else live


def _field_type(entity: EntityDef, path: str) -> str | None:
    *relations, name = path.split(".")
    for step in relations:
        relation = entity.relation(step)
        if relation is None:
            return None
        entity = ENTITIES[relation.target]
    definition = entity.field(name)
    return definition.type if definition else None


def id_bounds(node: ex.Node | None) -> tuple[int | None, int | None, list[ex.Node]]:
    """Splits the top-level bounds on ID off a filter: greater than, at most, and what is left."""
    low: int | None = None
    high: int | None = None
    rest: list[ex.Node] = []
    for part in ex.conjuncts(node) if node is not None else ():
        match part:
            case ex.Operation(operator, ex.Path(text), ex.Literal(int(value))) if text.lower() == "id":
                match operator:
                    case "gt" | "ge":
                        bound = value if operator == "gt" else value - 1
                        low = bound if low is None else max(low, bound)
                    case "le" | "lt":
                        bound = value if operator == "le" else value - 1
                        high = bound if high is None else min(high, bound)
                    case "eq":
                        low = value - 1 if low is None else max(low, value - 1)
                        high = value if high is None else min(high, value)
                    case _:
                        rest.append(part)
            case _:
                rest.append(part)
    return low, high, rest


def key_value(entity: EntityDef, node: ex.Node) -> tuple[str, int] | None:
    """Field and value when a condition is `SomeID eq 7` on an own integer field, which an index answers."""
    match node:
        case ex.Operation("eq", ex.Path(text), ex.Literal(int(value))) if "." not in text:
            definition = entity.field(text)
            if definition is not None and definition.type == "i" and definition.name.endswith(("ID", "Id")):
                return definition.name, value
    return None


def _nulls_first(getter: Getter, rows: Mapping[int, Row]) -> Callable[[int], Any]:
    order = cmp_to_key(lambda left, right: compare(left, right) or 0)

    def key(row_id: int) -> Any:
        value = getter(rows[row_id])
        if value is None:
            return (0,)
        if isinstance(value, (int, Decimal)):
            return (1, value)
        return (1, order(value))

    return key
