"""What is kept beside the rows: the request log, the bodies that rows came in, and what was lost on the way.

Every method may be called from any thread.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from dcrlog.emulator.database import Database
from dcrlog.emulator.destinations import Destination
from dcrlog.schema import Column

Reason = Literal[
    "undeclared",
    "lacking",
    "misfit",
    "truncated",
    "restamped",
    "filtered",
    "not an array",
    "no flow",
    "removed",
]
"""Why something did not reach the table as it was sent.

`undeclared`: the stream has no such column. `lacking`: the table has none. `misfit`: the value became null.
`truncated`: cut to 64 KB. `restamped`: TimeGenerated became the time of receipt. The others are of rows:
`filtered`: the transformation left it out; `not an array`: the body was an object; `no flow`: no data flow
takes the stream; `removed`: the table was full.
"""

_MAX_REQUESTS: Final = 100_000
_MAX_BODIES: Final = 32 * 1024 * 1024
_MAX_DROPS: Final = 1_000

_TABLES: Final = (
    "_requests (entry TEXT)",
    """_bodies (id INTEGER PRIMARY KEY, request TEXT, rule TEXT, stream TEXT, columns TEXT, received TEXT,
    body BLOB, gzip INTEGER)""",
    "_parts (body INTEGER, name TEXT, first INTEGER, part TEXT)",
    """_drops (rule TEXT, stream TEXT, name TEXT, reason TEXT, field TEXT, count INTEGER, example TEXT,
    since TEXT, until TEXT, PRIMARY KEY (rule, stream, name, reason, field))""",
)
_COUNT_DROP: Final = (
    "UPDATE _drops SET count = count + ?, until = ?"
    " WHERE (rule, stream, name, reason, field) = (?, ?, ?, ?, ?)"
)
_ADD_DROP: Final = (
    "INSERT INTO _drops VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET count = count + excluded.count, until = excluded.until"
)
_NAMES: Final = ("_requests", "_bodies", "_parts", "_drops")


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came, and what it was read with.

    Attributes:
        request_id: The request that brought it.
        rule_id: The rule that it came for.
        stream: The stream that it came for.
        columns: The columns that the stream declared then.
        received: When it came.
        data: The bytes on the wire.
        is_gzip: Whether they are compressed.
    """

    request_id: str
    rule_id: str
    stream: str
    columns: tuple[Column, ...]
    received: datetime
    data: bytes
    is_gzip: bool


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one body that went to one table.

    Attributes:
        destination: The table, and what it took.
        first: The number of the first row in the table.
        count: How many rows there are.
        places: Which of the body's objects each row was made of; None where they are one for one.
    """

    destination: Destination
    first: int
    count: int
    places: tuple[int, ...] | None = None

    def origin(self, number: int) -> tuple[int, int]:
        """Return the place in the body of what a row was made of, and how many rows before it were, too."""
        row = number - self.first
        if self.places is None:
            return row, 0
        return self.places[row], self.places[:row].count(self.places[row])


@dataclass(frozen=True, slots=True)
class Drop:
    """Something that did not reach a table as it was sent.

    Attributes:
        reason: Why.
        table: The table; empty where it is the stream that lost it.
        field: The property or column; empty where whole rows are meant.
        count: How often.
        example: One of the values, as JSON.
    """

    reason: Reason
    table: str
    field: str
    count: int
    example: str = ""


class History:
    """Requests, bodies and drops.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.writing() as connection:
            for table in _TABLES:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            connection.execute("CREATE INDEX IF NOT EXISTS _rows ON _parts (name, first)")
        ((size,),) = database.fetch("SELECT coalesce(sum(length(body)), 0) FROM _bodies")
        self._size = int(size)

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append to the request log."""
        text = msgspec.json.encode(entry).decode()
        with self._database.reading() as connection:
            cursor = connection.execute("INSERT INTO _requests (entry) VALUES (?)", (text,))
            if (last := cursor.lastrowid or 0) % 1000 == 0:
                connection.execute("DELETE FROM _requests WHERE rowid <= ?", (last - _MAX_REQUESTS,))

    def requests(self) -> list[dict[str, Any]]:
        """Return the request log in order of answers."""
        return [entry for _, entry in self.numbered()]

    def numbered(self, *, after: int = 0, last: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Return requests with their numbers, which count from 1 since the last reset.

        Args:
            after: Leave out so many of the first.
            last: Return only so many of the newest.
        """
        query = "SELECT rowid, entry FROM _requests WHERE rowid > ? ORDER BY rowid DESC LIMIT ?"
        found = self._database.fetch(query, after, -1 if last is None else last)
        return [(number, msgspec.json.decode(entry)) for number, entry in reversed(found)]

    def keep(self, body: Body, parts: Sequence[Part]) -> None:
        """Keep a body; the oldest go when all of them together grow too large."""
        columns, came = msgspec.json.encode(body.columns).decode(), body.received.isoformat()
        with self._database.writing() as connection:
            number = connection.execute(
                "INSERT INTO _bodies (request, rule, stream, columns, received, body, gzip)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (body.request_id, body.rule_id, body.stream, columns, came, body.data, body.is_gzip),
            ).lastrowid
            for part in parts:
                connection.execute(
                    "INSERT INTO _parts VALUES (?, ?, ?, ?)",
                    (number, part.destination.table, part.first, msgspec.json.encode(part).decode()),
                )
            self._size += len(body.data)
            while self._size > _MAX_BODIES:
                self._forget_oldest(connection)

    def body_of(self, table: str, number: int) -> tuple[Body, Part] | None:
        """Return what the row of that number came in; None where it is not kept any more."""
        found = self._database.fetch(
            "SELECT request, rule, stream, columns, received, _bodies.body, gzip, part"
            " FROM _parts JOIN _bodies ON _bodies.id = _parts.body"
            " WHERE name = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            table,
            number,
        )
        if not found:
            return None
        request_id, rule_id, stream, columns, received, data, is_gzip, kept = found[0]
        part = msgspec.json.decode(kept, type=Part)
        if number >= part.first + part.count:
            return None
        declared = msgspec.json.decode(columns, type=tuple[Column, ...])
        came = datetime.fromisoformat(received)
        return Body(request_id, rule_id, stream, declared, came, data, bool(is_gzip)), part

    def drop(self, rule_id: str, stream: str, drops: Iterable[Drop], moment: datetime) -> None:
        """Count what did not reach a table as it was sent."""
        now = moment.isoformat().replace("+00:00", "Z")
        with self._database.writing() as connection:
            (kinds,) = connection.execute("SELECT count(*) FROM _drops").fetchone()
            for drop in drops:
                key = (rule_id, stream, drop.table, drop.reason, drop.field)
                if connection.execute(_COUNT_DROP, (drop.count, now, *key)).rowcount:
                    continue
                # Properties are named by whoever sends: so many names, and then no more.
                if kinds >= _MAX_DROPS:
                    key = (*key[:-1], "...")
                kinds += 1
                connection.execute(_ADD_DROP, (*key, drop.count, drop.example, now, now))

    def drops(self) -> list[dict[str, Any]]:
        """Return what did not reach a table as it was sent, the latest first."""
        names = ("rule_id", "stream", "table", "reason", "field", "count", "example", "since", "until")
        found = self._database.fetch("SELECT * FROM _drops ORDER BY until DESC, count DESC, field")
        return [dict(zip(names, row, strict=True)) for row in found]

    def reset(self) -> None:
        """Forget everything."""
        with self._database.writing() as connection:
            for name in _NAMES:
                connection.execute(f"DELETE FROM {name}")
            self._size = 0

    def _forget_oldest(self, connection: sqlite3.Connection) -> None:
        number, size = connection.execute(
            "SELECT id, length(body) FROM _bodies ORDER BY id LIMIT 1"
        ).fetchone()
        connection.execute("DELETE FROM _bodies WHERE id = ?", (number,))
        connection.execute("DELETE FROM _parts WHERE body = ?", (number,))
        self._size -= size
