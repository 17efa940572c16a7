"""Where rows are kept: a table in SQLite for each table of the workspace.

Every method may be called from any thread. A database file can be read by other processes while the emulator
runs, with `sqlite3 FILE 'select * from AppLogs_CL'`.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import msgspec

from dcrlog.emulator.answers import EmulatorError
from dcrlog.emulator.coerce import Value
from dcrlog.emulator.database import Database, quoted
from dcrlog.emulator.scan import READERS, Span, scan
from dcrlog.emulator.tables import Table
from dcrlog.schema import Column, ColumnType

MAX_ROWS: Final = 1_000_000
"""Rows that a table keeps unless told otherwise: about half a gigabyte of short log records."""

_CHUNK: Final = 1024


@dataclass(slots=True)
class Batch:
    """Rows of one request for one table.

    Attributes:
        table: The table's name.
        columns: What each value of a row belongs to.
        rows: The rows.
        first: The number of the first row once they are stored.
        removed: How many old rows had to go for them.
    """

    table: str
    columns: Sequence[Column]
    rows: Sequence[tuple[Value, ...]]
    first: int = 0
    removed: int = 0


class Store:
    """Typed rows by table.

    Args:
        database: Where they are kept.
        max_rows: A table that grows over this loses its oldest rows.
    """

    def __init__(self, database: Database, *, max_rows: int) -> None:
        self._database = database
        self._max_rows = max_rows
        self._tables: dict[str, Table] = {}
        self._names: dict[str, dict[str, str]] = {}
        with database.writing() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS _tables (name TEXT PRIMARY KEY, declared TEXT)")

    def found(self) -> Iterator[Table]:
        """Yield the tables that the database has from earlier runs."""
        for (declared,) in self._database.fetch("SELECT declared FROM _tables ORDER BY rowid"):
            yield msgspec.json.decode(declared, type=Table)

    def ensure(self, tables: Mapping[str, Table]) -> None:
        """Make the tables, and the columns of tables, that are missing.

        Raises:
            EmulatorError: A table in the file has a column of another type.
        """
        with self._database.writing() as connection:
            for table in tables.values():
                if self._tables.get(table.name) != table:
                    self._create(connection, table)

    def insert(self, batches: Sequence[Batch]) -> None:
        """Store the rows of one request, all or none of them."""
        with self._database.writing() as connection:
            for batch in batches:
                batch.first = self._last(connection, batch.table) + 1
                self._insert(connection, batch)
                batch.removed = self._trim(connection, batch.table)

    def rows(self, table: str, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Return rows of a table in arrival order; the arguments are those of `numbered`."""
        return [row for _, row in self.numbered(table, after=after, limit=limit)]

    def numbered(
        self, table: str, *, after: int = 0, limit: int | None = None, last: bool = False
    ) -> list[tuple[int, dict[str, Any]]]:
        """Return rows in arrival order, each with its number, which counts from 1 since the last reset.

        Args:
            table: The table's name.
            after: Leave out this many of the rows that arrived since the last reset.
            limit: Return at most this many; None for all.
            last: With a limit, the newest of them and not the oldest.

        Raises:
            KeyError: There is no such table.
        """
        names = ", ".join(quoted(name) for name in self._names[table].values())
        order = "DESC" if last else "ASC"
        query = f"SELECT rowid, {names} FROM {quoted(table)} WHERE rowid > ? ORDER BY rowid {order} LIMIT ?"
        found = self._database.fetch(query, after, -1 if limit is None else limit)
        if last:
            found.reverse()
        readers = [(column.name, READERS.get(column.type)) for column in self._tables[table].columns]
        return [
            (
                number,
                {
                    name: value if read is None or value is None else read(value)
                    for (name, read), value in zip(readers, row, strict=True)
                },
            )
            for number, *row in found
        ]

    def scan(self, table: str, columns: Sequence[str], span: Span | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield the JSON values of columns, for the rows that are there at the beginning.

        Args:
            table: The table's name.
            columns: The columns.
            span: Which rows, by their time; None for all.

        Raises:
            KeyError: There is no such table or column.
        """
        return scan(self._database, self._tables[table], self._names[table], columns, span)

    def count(self, table: str) -> int:
        """Return how many rows a table holds.

        Raises:
            KeyError: There is no such table.
        """
        # Rows go in at one end and out at the other. SQLite looks up one end, but reads all rows for both.
        ends = (f"(SELECT {end}(rowid) FROM {quoted(self._tables[table].name)})" for end in ("min", "max"))
        ((first, last),) = self._database.fetch(f"SELECT {', '.join(ends)}")
        return 0 if first is None else int(last - first + 1)

    def reset(self) -> None:
        """Forget all rows."""
        with self._database.writing() as connection:
            for table in self._tables:
                connection.execute(f"DELETE FROM {quoted(table)}")

    def _create(self, connection: sqlite3.Connection, table: Table) -> None:
        names = _physical_names(table.columns)
        wanted = {names[column.name]: _STORED_TYPES[column.type] for column in table.columns}
        declared = ", ".join(f"{quoted(name)} {stored}" for name, stored in wanted.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({declared})")
        described = connection.execute(f"PRAGMA table_info({quoted(table.name)})")
        # SQLite gives the types it knows back in capitals.
        found = {name: stored.lower() for _, name, stored, *_ in described}
        for name, stored in wanted.items():
            if name not in found:
                connection.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {stored}")
            elif found[name] != stored:
                raise EmulatorError(
                    f"the database {self._database.where!r} has column {name!r} of table {table.name!r} as "
                    f"{found[name]}, the rule has it as {stored}. Use another file, or delete this one."
                )
        connection.execute(
            "INSERT INTO _tables VALUES (?, ?) ON CONFLICT DO UPDATE SET declared = excluded.declared",
            (table.name, msgspec.json.encode(table).decode()),
        )
        self._tables[table.name], self._names[table.name] = table, names

    def _insert(self, connection: sqlite3.Connection, batch: Batch) -> None:
        names = self._names[batch.table]
        listed = ", ".join(quoted(names[column.name]) for column in batch.columns)
        one = "(" + ", ".join("?" * len(batch.columns)) + ")"
        size = max(1, min(_CHUNK, self._database.variables // len(batch.columns)))
        remaining = iter(batch.rows)
        # Not executemany: it gives the GIL away once a row, and beside a busy thread each return to it can
        # take 5 ms. The statement of a full chunk is the same text every time, so SQLite compiles it once.
        while chunk := list(islice(remaining, size)):
            values = ", ".join([one] * len(chunk))
            statement = f"INSERT INTO {quoted(batch.table)} ({listed}) VALUES {values}"
            connection.execute(statement, list(chain.from_iterable(chunk)))

    def _trim(self, connection: sqlite3.Connection, table: str) -> int:
        statement = f"DELETE FROM {quoted(table)} WHERE rowid <= ?"
        return connection.execute(statement, (self._last(connection, table) - self._max_rows,)).rowcount

    def _last(self, connection: sqlite3.Connection, table: str) -> int:
        (last,) = connection.execute(f"SELECT max(rowid) FROM {quoted(table)}").fetchone()
        return last or 0


def _physical_names(columns: Sequence[Column]) -> dict[str, str]:
    # SQLite ignores case in column names, Azure does not: eventType and EventType may stand side by side.
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = column.name
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        names[column.name] = name
    return names


# SQLite takes a column's affinity from words in its type: "int" gives integers, "text" text, "real" floats.
_STORED_TYPES: Final[Mapping[ColumnType, str]] = {
    ColumnType.STRING: "text",
    ColumnType.GUID: "guid text",
    ColumnType.INT: "int",
    ColumnType.LONG: "long int",
    ColumnType.REAL: "real",
    ColumnType.BOOLEAN: "boolean int",
    ColumnType.DYNAMIC: "dynamic text",
    ColumnType.DATETIME: "datetime text",
}
