"""Queries over the rows of the store, each within limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite, isnan
from threading import Event
from time import monotonic, perf_counter
from typing import Any, Final

import msgspec

from dcrlog.emulator.coerce import format_datetime
from dcrlog.emulator.store import Store
from dcrlog.emulator.workspace import Workspace
from dcrlog.kql.query import Query, QueryLimitError, compile_query

MAX_QUERY_ROWS: Final = 500_000
"""Rows that Azure answers at most."""
MAX_SECONDS: Final = 600
"""Seconds that a query may take at most, however long its sender would wait."""
MAX_BYTES: Final = 100_000_000
"""Bytes of the rows of an answer."""

Span = tuple[datetime, datetime]


class QueryTimeoutError(QueryLimitError):
    """A query that took longer than it may."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the one who asks waits for the answer.

    Attributes:
        seconds: So long, from now on.
        has_left: Is set where nobody waits any more.
    """

    seconds: float
    has_left: Event = field(default_factory=Event)
    _began: float = field(default_factory=monotonic)

    def check(self) -> None:
        """Stop a query that nobody waits for.

        Raises:
            QueryLimitError: It took too long, or its sender has left.
        """
        if self.has_left.is_set():
            raise QueryLimitError("Its sender has left.")
        if monotonic() > self._began + self.seconds:
            raise QueryTimeoutError(f"The query took longer than {self.seconds:g} s.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave.

    Attributes:
        query: The query.
        rows: The rows, each an array in JSON.
        seconds: How long it took.
        limit: What kept further rows out; None where all are there.
    """

    query: Query
    rows: Sequence[msgspec.Raw]
    seconds: float
    limit: str | None


@dataclass(slots=True)
class Queries:
    """Runs queries; any thread may.

    Attributes:
        store: The rows.
        workspace: The tables.
        max_rows: At most this many rows come out.
    """

    store: Store
    workspace: Workspace
    max_rows: int
    _is_closed: bool = field(default=False)

    def close(self) -> None:
        """Stop the queries under way."""
        self._is_closed = True

    def answer(
        self,
        text: str,
        span: Span | None,
        wait: Wait,
        *,
        most: int | None = None,
        most_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Run a query for an answer.

        Args:
            text: The query.
            span: The first and the last TimeGenerated of its rows, both included; None for all rows.
            wait: It may take so long.
            most: Rows that the answer may have; None for `max_rows`.
            most_bytes: Bytes that they may have.

        Raises:
            KqlError: It is wrong, or not supported.
            QueryLimitError: It takes too long, or too much memory.
        """
        wait.check()
        started = perf_counter()
        query = self._compile(text)
        types = list(query.columns.values())
        rows: list[msgspec.Raw] = []
        size, limit = 0, None
        most = self.max_rows if most is None else most
        for row in self._rows(query, span, wait):
            if len(rows) >= most:
                limit = f"{most} records"
                break
            encoded = msgspec.json.encode([_cell(*cell) for cell in zip(row, types, strict=True)])
            size += len(encoded)
            if size > most_bytes:
                limit = f"{most_bytes} bytes"
                break
            rows.append(msgspec.Raw(encoded))
        return Answer(query, rows, perf_counter() - started, limit)

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Run a query over all rows, for rows by column; raises as `answer` does."""
        query, wait = self._compile(text), Wait(MAX_SECONDS)
        return [dict(zip(query.columns, row, strict=True)) for row in self._rows(query, None, wait)]

    def _compile(self, text: str) -> Query:
        tables = self.workspace.tables
        return compile_query(text, {name: table.types for name, table in tables.items()})

    def _rows(self, query: Query, span: Span | None, wait: Wait) -> Iterator[tuple[Any, ...]]:
        limits = None if span is None else (format_datetime(span[0]), format_datetime(span[1]))

        def check() -> None:
            if self._is_closed:
                raise QueryLimitError("The emulator stops.")
            wait.check()

        def read(table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
            return self.store.scan(table, columns, limits)

        return query.run(read, check=check)


def _cell(value: Any, of: str) -> Any:
    if value is None:
        return None
    if of == "dynamic":
        return msgspec.json.encode(value).decode()
    if of == "real" and not isfinite(value):
        # JSON has no such numbers, and the service sends their names.
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
