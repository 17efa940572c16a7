"""From decoded JSON objects to the values of a table's columns, as the service does it.

Pure, and no value raises: what does not fit becomes null and its row is kept. Works column by column,
because a loop over values of one type is several times faster than a call for each.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from dcrlog.schema import Column, ColumnType

Value = str | int | float | None
"""A value as the store keeps it: dynamic as JSON text, datetime as text that sorts, boolean as 0 or 1."""

MAX_FIELD: Final = 65_536
"""Bytes of UTF-8 that a field keeps. Whether Azure counts bytes or characters is not published."""

# No character takes more than four bytes.
_SURELY_FITS: Final = MAX_FIELD // 4
_OLDEST: Final = timedelta(days=2)
_NEWEST: Final = timedelta(days=1)

_DATETIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.(\d+))?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_INTEGER: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


@dataclass(slots=True)
class Coerced:
    """Rows ready for the store, and what was lost on the way.

    Attributes:
        rows: One tuple a row, in the order of the columns.
        dropped: How often each undeclared property was dropped.
        misfits: Values that became null because they did not fit their column, by column.
        truncated: Values cut to `MAX_FIELD`, by column.
        restamped: Times outside the accepted window, replaced by the time of receipt.
        examples: The first misfit of each column that has one.
    """

    rows: list[tuple[Value, ...]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    misfits: Counter[str] = field(default_factory=Counter)
    truncated: Counter[str] = field(default_factory=Counter)
    restamped: int = 0
    examples: dict[str, Any] = field(default_factory=dict)
    _column: str = ""

    def begin(self, column: str) -> None:
        """Count what follows for this column."""
        self._column = column

    def cut(self, text: str) -> str:
        """Truncate a text to the limit on a character boundary."""
        if len(text) <= _SURELY_FITS or len(encoded := text.encode()) <= MAX_FIELD:
            return text
        self.truncated[self._column] += 1
        return encoded[:MAX_FIELD].decode(errors="ignore")

    def misfit(self, value: Any) -> Any:
        """Count a value that does not fit its column, and return what it becomes: null."""
        self.examples.setdefault(self._column, value)
        self.misfits[self._column] += 1
        return None


def coerce_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    received: datetime | None,
    *,
    declared: Iterable[str] = (),
) -> Coerced:
    """Coerce rows to columns.

    A missing property is null. `TimeGenerated` is never null: a missing or unreadable one becomes the
    time of receipt, and so does one older than two days or more than one day ahead.

    Args:
        rows: Decoded JSON objects.
        columns: The columns to fill; properties of other names are dropped and counted.
        received: The time of receipt, aware; None leaves times as they are.
        declared: Names of further properties, which are dropped but not counted.
    """
    result = Coerced()
    undeclared = set[str]().union(*rows).difference(declared, (column.name for column in columns))
    if undeclared:
        result.dropped.update(name for row in rows for name in row if name in undeclared)
    filled: list[list[Any]] = []
    for column in columns:
        result.begin(column.name)
        values = _COERCERS[column.type]([row.get(column.name) for row in rows], result)
        if received is not None and column.name == "TimeGenerated" and column.type is ColumnType.DATETIME:
            values = _within_window(values, received, result)
        filled.append(values)
    result.rows = list(zip(*filled, strict=True))
    return result


def format_datetime(moment: datetime) -> str:
    """Return an aware datetime as the store keeps it: UTC, seven digits, sorting as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0") + "0Z"


def parse_datetime(text: str) -> str | None:
    """Read a datetime as Kusto would: ISO 8601, a space for the T, any fraction, UTC without a zone."""
    # The rows of a batch share few different seconds, so that the usual form is a look-up.
    if text[19:20] == "." and text[-1] == "Z" and (fraction := text[20:-1]).isdigit() and fraction.isascii():
        second = _whole_second(text[:19])
    else:
        match = _DATETIME.fullmatch(text)
        if match is None:
            return None
        day, clock, fraction, zone = match.groups()
        second = _whole_second(f"{day}T{(clock or '00:00')[:8]}{zone or ''}")
    return None if second is None else f"{second}.{(fraction or '')[:7]:0<7}Z"


@lru_cache(4096)
def _whole_second(text: str) -> str | None:
    if _DATETIME.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="seconds")


def _within_window(values: list[Any], received: datetime, result: Coerced) -> list[Any]:
    oldest, newest = format_datetime(received - _OLDEST), format_datetime(received + _NEWEST)
    now = format_datetime(received)
    result.restamped = sum(value is not None and not oldest <= value <= newest for value in values)
    return [value if value is not None and oldest <= value <= newest else now for value in values]


def _strings(values: list[Any], result: Coerced) -> list[Any]:
    return [
        value
        if value is None or (type(value) is str and len(value) <= _SURELY_FITS)
        else result.cut(value if type(value) is str else _json_text(value))
        for value in values
    ]


def _json_text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        # The body was decoded nearer to the bottom of the stack than this.
        return "{}"


def _dynamics(values: list[Any], result: Coerced) -> list[Any]:
    texts = [None if value is None else _json_text(value) for value in values]
    if sum(len(text) for text in texts if text is not None) <= _SURELY_FITS:
        return texts
    # What is left of a JSON text is no longer JSON: it stays as a string, as parse_json leaves one.
    return [
        text if text is None or (kept := result.cut(text)) is text else _json_text(kept) for text in texts
    ]


def _integers(bits: int) -> Callable[[list[Any], Coerced], list[Any]]:
    lowest, highest = -(1 << bits - 1), (1 << bits - 1) - 1

    def coerce(values: list[Any], result: Coerced) -> list[Any]:
        return [
            value
            if value is None or (type(value) is int and lowest <= value <= highest)
            else convert(value, result)
            for value in values
        ]

    def convert(value: Any, result: Coerced) -> Any:
        if (type(value) is str and _INTEGER.fullmatch(value)) or (
            type(value) is float and value.is_integer()
        ):
            value = int(value)
        if type(value) is int and lowest <= value <= highest:
            return value
        return result.misfit(value)

    return coerce


def _reals(values: list[Any], result: Coerced) -> list[Any]:
    return [value if value is None or type(value) is float else _real(value, result) for value in values]


def _real(value: Any, result: Coerced) -> Any:
    if type(value) is int or (type(value) is str and _NUMBER.fullmatch(value)):
        try:
            number = float(value)
        except OverflowError:
            return result.misfit(value)
        if math.isfinite(number):
            return number
    return result.misfit(value)


def _booleans(values: list[Any], result: Coerced) -> list[Any]:
    return [None if value is None else _boolean(value, result) for value in values]


def _boolean(value: Any, result: Coerced) -> int | None:
    found = {"true": True, "false": False}.get(value.lower()) if type(value) is str else value
    return int(found) if type(found) is bool else result.misfit(value)


def _datetimes(values: list[Any], result: Coerced) -> list[Any]:
    return [None if value is None else _datetime(value, result) for value in values]


def _datetime(value: Any, result: Coerced) -> str | None:
    text = parse_datetime(value) if type(value) is str else None
    return result.misfit(value) if text is None else text


# Casting text to numbers and booleans follows Azure's "if casting fails, null"; for this API nothing is
# published, so that a number for a boolean, or a fraction for an integer, is null here.
_COERCERS: Final[Mapping[ColumnType, Callable[[list[Any], Coerced], list[Any]]]] = {
    ColumnType.STRING: _strings,
    ColumnType.GUID: _strings,
    ColumnType.INT: _integers(32),
    ColumnType.LONG: _integers(64),
    ColumnType.REAL: _reals,
    ColumnType.BOOLEAN: _booleans,
    ColumnType.DYNAMIC: _dynamics,
    ColumnType.DATETIME: _datetimes,
}
