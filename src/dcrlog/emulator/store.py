"""Where rows and the request log are kept: SQLite, a table for each destination.

One connection, one lock; every method may be called from any thread. A database file can be read by
other processes while the emulator runs, with `sqlite3 FILE 'select * from AppLogs_CL'`.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import msgspec

from dcrlog.emulator.answers import EmulatorError
from dcrlog.emulator.coerce import Value
from dcrlog.emulator.rules import Destination
from dcrlog.schema import Column, ColumnType

MAX_ROWS: Final = 1_000_000
"""Rows that a table keeps unless told otherwise: about half a gigabyte of short log records."""

_MAX_REQUESTS: Final = 100_000
_CHUNK: Final = 1024


class Store:
    """Typed rows by table, and the log of requests.

    Args:
        path: A database file, which may hold rows of an earlier run; None keeps everything in memory.
        tables: The columns of each table.
        max_rows: A table that grows over this loses its oldest rows.

    Raises:
        EmulatorError: The file is no database, or a table in it has a column of another type.
    """

    def __init__(self, path: Path | None, tables: Mapping[str, Sequence[Column]], *, max_rows: int) -> None:
        self._tables = tables
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._names = {table: _physical_names(columns) for table, columns in tables.items()}
        where = ":memory:" if path is None else str(path)
        try:
            self._connection = sqlite3.connect(where, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise EmulatorError(f"the database {where!r} cannot be opened: {_remedy(path, error)}") from None
        try:
            self._prepare(where)
        except BaseException:
            self._connection.close()
            raise
        variables = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        self._chunks = {
            table: max(1, min(_CHUNK, variables // len(columns))) for table, columns in tables.items()
        }

    def insert(self, batches: Sequence[tuple[Destination, Sequence[tuple[Value, ...]]]]) -> int:
        """Store the rows of one request, all or none of them, and return how many old ones had to go."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            for destination, rows in batches:
                self._insert(destination, rows)
            return sum(self._trim(table) for table in {destination.table for destination, _ in batches})

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append to the request log."""
        text = msgspec.json.encode(entry).decode()
        with self._lock:
            cursor = self._connection.execute("INSERT INTO _requests (entry) VALUES (?)", (text,))
            if (last := cursor.lastrowid or 0) % 1000 == 0:
                self._connection.execute("DELETE FROM _requests WHERE rowid <= ?", (last - _MAX_REQUESTS,))

    def rows(self, table: str, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Return rows of a table in arrival order.

        Args:
            table: The table's name.
            after: Leave out this many of the rows that arrived since the last reset.
            limit: Return at most this many; None for all.

        Raises:
            KeyError: The rule fills no such table.
        """
        columns = self._tables[table]
        names = ", ".join(_quoted(name) for name in self._names[table].values())
        query = f"SELECT {names} FROM {_quoted(table)} WHERE rowid > ? ORDER BY rowid LIMIT ?"
        with self._lock:
            found = self._connection.execute(query, (after, -1 if limit is None else limit)).fetchall()
        readers = [(column.name, _READERS.get(column.type)) for column in columns]
        return [
            {
                name: value if read is None or value is None else read(value)
                for (name, read), value in zip(readers, row, strict=True)
            }
            for row in found
        ]

    def count(self, table: str) -> int:
        """Return how many rows a table holds.

        Raises:
            KeyError: The rule fills no such table.
        """
        with self._lock:
            (number,) = self._connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()
        return int(number)

    def requests(self) -> list[dict[str, Any]]:
        """Return the request log in order of answers."""
        with self._lock:
            found = self._connection.execute("SELECT entry FROM _requests ORDER BY rowid").fetchall()
        return [msgspec.json.decode(entry) for (entry,) in found]

    def reset(self) -> None:
        """Forget all rows and requests."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            for table in (*self._tables, "_requests"):
                self._connection.execute(f"DELETE FROM {_quoted(table)}")

    def close(self) -> None:
        """Close the database; rows in memory are gone with it."""
        with self._lock:
            self._connection.close()

    def _prepare(self, where: str) -> None:
        try:
            # A crash of the machine may lose rows; an emulator has no duty there.
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS _requests (entry TEXT)")
            for table, columns in self._tables.items():
                self._create(table, columns, where)
        except sqlite3.Error as error:
            raise EmulatorError(
                f"the database {where!r} cannot be used: {error}. "
                "Name an SQLite file that can be written, or one that does not exist yet."
            ) from None

    def _create(self, table: str, columns: Sequence[Column], where: str) -> None:
        names = self._names[table]
        wanted = {names[column.name]: _STORED_TYPES[column.type] for column in columns}
        declared = ", ".join(f"{_quoted(name)} {stored}" for name, stored in wanted.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} ({declared})")
        described = self._connection.execute(f"PRAGMA table_info({_quoted(table)})")
        # SQLite gives the types it knows back in capitals.
        found = {name: stored.lower() for _, name, stored, *_ in described}
        for name, stored in wanted.items():
            if name not in found:
                self._connection.execute(f"ALTER TABLE {_quoted(table)} ADD COLUMN {_quoted(name)} {stored}")
            elif found[name] != stored:
                raise EmulatorError(
                    f"the database {where!r} has column {name!r} of table {table!r} as {found[name]}, the "
                    f"rule has it as {stored}. Use another file, or delete this one."
                )

    def _insert(self, destination: Destination, rows: Sequence[tuple[Value, ...]]) -> None:
        names = self._names[destination.table]
        listed = ", ".join(_quoted(names[column.name]) for column in destination.columns)
        one = "(" + ", ".join("?" * len(destination.columns)) + ")"
        remaining = iter(rows)
        # Not executemany: it gives the GIL away once a row, and beside a busy thread each return to it can
        # take 5 ms. The statement of a full chunk is the same text every time, so SQLite compiles it once.
        while chunk := list(islice(remaining, self._chunks[destination.table])):
            values = ", ".join([one] * len(chunk))
            statement = f"INSERT INTO {_quoted(destination.table)} ({listed}) VALUES {values}"
            self._connection.execute(statement, list(chain.from_iterable(chunk)))

    def _trim(self, table: str) -> int:
        (last,) = self._connection.execute(f"SELECT max(rowid) FROM {_quoted(table)}").fetchone()
        statement = f"DELETE FROM {_quoted(table)} WHERE rowid <= ?"
        return self._connection.execute(statement, ((last or 0) - self._max_rows,)).rowcount


def _remedy(path: Path | None, error: sqlite3.Error) -> str:
    if path is not None and path.is_dir():
        return f"it is a directory. Name a file in it: {str(path / 'rows.sqlite')!r}."
    if path is not None and not path.parent.is_dir():
        return f"there is no directory {str(path.parent)!r}. Make it, or name a file in another."
    return f"{error}. Name a file that can be written."


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


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read_dynamic(text: str) -> Any:
    with suppress(RecursionError):
        return msgspec.json.decode(text)
    return text


def _read_datetime(text: str) -> str:
    return text[:-1].rstrip("0").rstrip(".") + "Z"


_READERS: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.BOOLEAN: bool,
    ColumnType.DYNAMIC: _read_dynamic,
    ColumnType.DATETIME: _read_datetime,
}

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
