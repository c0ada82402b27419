"""Archive queries (section 3.1): filter, order and paging over a provider, answered in Slim or Full rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sounimicro_pipelines.sandbox.superoffice import filters, references
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.fields import UserField
from sounimicro_pipelines.sandbox.superoffice.filters import Filter, Moment
from sounimicro_pipelines.sandbox.superoffice.options import CrmOptions
from sounimicro_pipelines.sandbox.superoffice.providers import ArchiveColumn, Provider, Providers
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner


@dataclass(slots=True)
class Query:
    """What an archive request asks for. Column names as the client wrote them, for the answer echoes them."""

    select: list[str]
    filter: str = ""
    orderby: str = ""
    top: int | None = None
    skip: int = 0
    entities: tuple[str, ...] = ()
    full: bool = False
    logical: bool = False
    json_safe: bool = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Query:
        """Read the `$` options. Raises ApiError 400."""
        values = {name.lower(): value for name, value in parameters.items()}
        mode = values.get("$mode", "Slim").lower()
        if mode not in ("slim", "wide", "full"):
            raise bad_request(f"There is no mode '{mode}'")
        return cls(
            select=[name.strip() for name in values.get("$select", "").split(",") if name.strip()],
            filter=values.get("$filter", ""),
            orderby=values.get("$orderby", ""),
            top=whole_number(values, "$top", None),
            skip=whole_number(values, "$skip", 0) or 0,
            entities=tuple(name.strip().lower() for name in values.get("$entities", "").split(",") if name.strip()),
            full=mode == "full",
            logical=values.get("$output", "").lower() == "logical",
            json_safe=values.get("$jsonsafe", "").lower() == "true",
        )


@dataclass(slots=True)
class Page:
    """Rows as JSON, and whether more would follow."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False


def whole_number(values: Mapping[str, str], name: str, default: int | None) -> int | None:
    text = values.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise bad_request(f"'{name}' must be a whole number")
    return int(text)


class Archives:
    """Runs queries of the three providers that the entities' own lists use."""

    def __init__(
        self,
        db: Database,
        options: CrmOptions,
        fields: Sequence[UserField],
        visible: Callable[[int, str, int], bool],
        mask: Callable[[int, str, int], int],
    ) -> None:
        self.db = db
        self.options = options
        self.visible = visible
        self.mask = mask
        self.providers = Providers(db, fields).all()

    def run(
        self,
        provider: Provider,
        query: Query,
        manner: Manner,
        moment: Moment,
        within: Callable[[Row], bool] | None = None,
    ) -> Page:
        """One page. `within` narrows to a record's own rows, which counts as a restriction. Raises ApiError 400."""
        if not query.filter and within is None and self.options.refuse_unrestricted:
            raise bad_request("The archive wants a restriction; say 'getAllRows set true' to read everything")
        selected = [(name, provider.column(name)) for name in query.select]
        restriction = self._restriction(provider, query, moment)
        rows = self._candidates(provider, query, restriction, within)
        ordered = self._ordered(provider, query, rows)
        top = min(query.top if query.top is not None else self.options.default_top, self.options.max_top)
        page = _slice(ordered, query.skip, top)
        more = len(page) > top
        shown = [
            row for row in page[:top] if self.visible(moment.associate_id, provider.table, self._key(provider, row))
        ]
        if self.options.short_page_rows and len(shown) > 1:
            shown = shown[: max(1, len(shown) - self.options.short_page_rows)]
            more = True
        return Page([self._json(provider, query, selected, row, manner, moment) for row in shown], more)

    def metadata(self, provider: Provider) -> list[dict[str, Any]]:
        """The provider's columns, as `$metadata` lists them."""
        return [
            {
                "Name": column.name,
                "DisplayType": column.kind,
                "CanOrderBy": column.orderable,
                "CanRestrictBy": True,
                "RestrictionType": "listAny" if column.kind == "list" else column.kind,
                "RestrictionListName": column.table if column.kind == "list" else "",
            }
            for column in provider.columns.values()
        ]

    def _key(self, provider: Provider, row: Row) -> int:
        return int(row[self.db[provider.table].pk])

    def _restriction(self, provider: Provider, query: Query, moment: Moment) -> Filter | None:
        if not query.filter:
            return None
        return filters.parse(query.filter, lambda name: provider.column(name).kind, moment)

    def _candidates(
        self, provider: Provider, query: Query, restriction: Filter | None, within: Callable[[Row], bool] | None
    ) -> Iterable[Row]:
        table = self.db[provider.table]
        asked = restriction.columns if restriction else set()
        way = self.options.deleted_in_archives
        with_deleted = way == "always" or (way == "when_asked" and bool(provider.deleted_columns & asked))
        lowest = 0
        if restriction:
            for name, bound in restriction.lower.items():
                if provider.column(name).is_key:
                    lowest = max(lowest, bound)
        for key in sorted(key for key in table.rows if key > lowest):
            row = table.rows[key]
            if row.get("deletedDate") is not None and not with_deleted:
                continue
            if query.entities and provider.entity_name(row).lower() not in query.entities:
                continue
            if within is not None and not within(row):
                continue
            if restriction is None or restriction.predicate(_getter(provider, row)):
                yield row

    def _ordered(self, provider: Provider, query: Query, rows: Iterable[Row]) -> Iterable[Row]:
        """Rows in the order asked for; the key order needs no sorting."""
        parts = [part.split() for part in query.orderby.split(",") if part.strip()]
        columns = [(provider.column(part[0]), len(part) > 1 and part[1].lower() == "desc") for part in parts]
        for column, _ in columns:
            if not column.orderable:
                raise bad_request(f"The archive cannot be ordered by '{column.name}'")
        if not columns or (columns[0][0].is_key and not columns[0][1]):
            return rows
        result = list(rows)
        for column, descending in reversed(columns):
            result.sort(key=lambda row, column=column: _sort_key(column.value(row)), reverse=descending)  # type: ignore[misc]
        return result

    def _json(
        self,
        provider: Provider,
        query: Query,
        selected: list[tuple[str, ArchiveColumn]],
        row: Row,
        manner: Manner,
        moment: Moment,
    ) -> dict[str, Any]:
        key = self._key(provider, row)
        head: dict[str, Any] = {
            "PrimaryKey": key if self.options.numeric_primary_key else str(key),
            "EntityName": provider.entity_name(row),
        }
        if not query.full:
            for name, column in selected:
                shown = name.replace("/", "_") if query.json_safe else name
                head[shown] = self.display(column, column.value(row), manner, logical=query.logical)
            return head
        cells = {name: self._cell(column, column.value(row), manner) for name, column in selected}
        right = {"Mask": self.mask(moment.associate_id, provider.table, key), "Reason": ""}
        link = f"nav={provider.link}&{provider.link}_id={key}"
        return {**head, "StyleHint": "", "LinkHint": link, "TableRight": right, "Column": cells}

    def _cell(self, column: ArchiveColumn, value: Any, manner: Manner) -> dict[str, Any]:
        return {
            "RawValue": self.display(column, value, manner, logical=True),
            "DisplayValue": self.display(column, value, manner, logical=False),
            "LinkHint": "",
            "TooltipHint": "",
        }

    def display(self, column: ArchiveColumn, value: Any, manner: Manner, *, logical: bool) -> Any:
        """A value as JSON: list items and associates as their text, unless logical values are asked for."""
        if column.kind in ("date", "datetime"):
            return None if value is None else manner.stamp(value)
        if isinstance(value, Decimal):
            return float(value)
        if logical:
            return value
        if column.kind == "associate":
            return references.associate_name(self.db, value)
        if column.kind == "list":
            row = self.db[column.table].get(value)
            return manner.text(row["name"]) if row else ""
        return value


def literal_zone(options: CrmOptions, manner: Manner) -> ZoneInfo:
    """The zone of date literals without offset."""
    if options.archive_time == "header":
        return manner.zone
    return Manner().zone if options.archive_time == "base" else ZoneInfo("UTC")


def _getter(provider: Provider, row: Row) -> filters.Getter:
    return lambda name: provider.column(name).value(row)


def _slice(rows: Iterable[Row], skip: int, top: int) -> list[Row]:
    found: list[Row] = []
    for number, row in enumerate(rows):
        if number >= skip:
            found.append(row)
        if len(found) > top:
            break
    return found


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.lower() if isinstance(value, str) else value if value is not None else 0)
