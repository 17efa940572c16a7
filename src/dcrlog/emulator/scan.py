"""From what columns keep to JSON values, and reading many rows of them while others use the database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from dcrlog.emulator.database import Database, quoted
from dcrlog.emulator.tables import TIME, Table
from dcrlog.schema import ColumnType

Span = tuple[str, str]
"""The first and the last TimeGenerated, as the store keeps them."""

_CHUNK: Final = 1024


def _read_dynamic(text: str) -> Any:
    with suppress(RecursionError):
        return msgspec.json.decode(text)
    return text


def _read_datetime(text: str) -> str:
    return text[:-1].rstrip("0").rstrip(".") + "Z"


READERS: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.BOOLEAN: bool,
    ColumnType.DYNAMIC: _read_dynamic,
    ColumnType.DATETIME: _read_datetime,
}
"""From what a column keeps to a JSON value, where they differ."""

_SCANNED: Final = {of: READERS[of] for of in (ColumnType.BOOLEAN, ColumnType.DYNAMIC)}


def scan(
    database: Database, table: Table, names: Mapping[str, str], columns: Sequence[str], span: Span | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the values of columns, for the rows that are there at the beginning.

    The database is free for others between the parts that are fetched.

    Args:
        database: Where they are kept.
        table: The table.
        names: What SQLite calls each of its columns.
        columns: The columns.
        span: Which rows, by their time; None for all.
    """
    readers = [_SCANNED.get(table.types[name]) for name in columns]
    chosen = ", ".join(["rowid", *(quoted(names[name]) for name in columns)])
    limits = f"AND {quoted(names[TIME.name])} BETWEEN ? AND ?" if span else ""
    query = (
        f"SELECT {chosen} FROM {quoted(table.name)} WHERE rowid > ? AND rowid <= ? {limits} "
        "ORDER BY rowid LIMIT ?"
    )
    ((last,),) = database.fetch(f"SELECT max(rowid) FROM {quoted(table.name)}")
    after = 0
    while found := database.fetch(query, after, last or 0, *(span or ()), _CHUNK):
        after = found[-1][0]
        for _, *row in found:
            yield tuple(
                value if read is None or value is None else read(value)
                for read, value in zip(readers, row, strict=True)
            )
