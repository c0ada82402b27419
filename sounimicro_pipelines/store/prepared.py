"""A statement that is compiled once, and from then on given to the database's driver itself.

SQLAlchemy writes its SQL and knows how each type travels. Its way of running a statement costs four times what SQLite
needs to find a record, and the engine asks for some hundred records at each change.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, methodcaller
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from sounimicro_pipelines.store.raw import as_sqlalchemy, raw_connection, raw_error

Processor = Callable[[Any], Any]
_ALL, _ONE, _TOUCHED = methodcaller("fetchall"), methodcaller("fetchone"), attrgetter("rowcount")


class Prepared:
    """A statement for one kind of database, whose values are all known by name.

    Not for lists that a statement spells out (`IN`), nor for values that Python makes for a column.
    """

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._sql = ""
        self._sent: list[Any] = []
        """Its values as they travel, with room for those that are given."""
        self._given: list[tuple[int, str, Processor | None]] = []
        """Where the given ones belong, their names, and how each travels."""
        self._places: list[str] | None = None
        """What the SQL calls each value, where it does not take them by their order."""
        self._reader: Callable[[Sequence[Any]], Any] | None = None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Its rows, each with its columns by name."""
        found, description = self._run(connection, values, _ALL)
        if not found:
            return []
        read = self._reader or self._learn_to_read(connection.dialect, description)
        return [read(row) for row in found]

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any | None:
        """Its first row, or None."""
        found, description = self._run(connection, values, _ONE)
        if found is None:
            return None
        read = self._reader or self._learn_to_read(connection.dialect, description)
        return read(found)

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run it for its effect; answers how many rows it touched."""
        return int(self._run(connection, values, _TOUCHED)[0])

    def _run(self, connection: Connection, values: Mapping[str, Any], take: Callable[[Any], Any]) -> tuple[Any, Any]:
        """What `take` has from the cursor, and the cursor's description of its columns."""
        if not self._sql:
            self._compile(connection.dialect)
        sent: Any = list(self._sent)
        for n, name, process in self._given:
            sent[n] = values[name] if process is None else process(values[name])
        if self._places is not None:
            sent = dict(zip(self._places, sent, strict=True))
        cursor = raw_connection(connection).cursor()
        try:
            cursor.execute(self._sql, sent)
            return take(cursor), cursor.description
        except raw_error(connection) as error:
            raise as_sqlalchemy(connection, error, cursor) from error
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> None:
        compiled = cast(SQLCompiler, cast(ClauseElement, self.statement).compile(dialect=dialect))
        if compiled.literal_execute_params or compiled.post_compile_params or compiled.insert_prefetch:
            raise TypeError(f"Values of this statement are not known by name: {compiled}")
        places = list((compiled.positiontup if compiled.positional else compiled.binds) or ())
        sent: list[Any] = []
        given: list[tuple[int, str, Processor | None]] = []
        for n, bind in enumerate(compiled.binds[place] for place in places):
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                given.append((n, bind.key, process))
            sent.append(None if bind.required else bind.value if process is None else process(bind.value))
        self._sent, self._given, self._places = sent, given, None if compiled.positional else places
        self._sql = str(compiled)

    def _learn_to_read(self, dialect: Dialect, description: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
        given = list(cast(Any, self.statement).exported_columns)
        kind = namedtuple("Row", [column[0] for column in description], rename=True)  # type: ignore[misc]
        processed = [
            (n, process)
            for n, (column, told) in enumerate(zip(given, description, strict=True))
            if (process := column.type.dialect_impl(dialect).result_processor(dialect, told[1])) is not None
        ]
        make: Callable[[Any], Any] = kind._make

        def read(row: Sequence[Any]) -> Any:
            values = list(row)
            for n, process in processed:
                values[n] = process(values[n])
            return make(values)

        self._reader = read if processed else make
        return self._reader
