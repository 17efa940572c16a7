"""Values that need no descent: how each kind is told in one JSON scalar.

Pure. These may raise, where a value's own methods do; `_values` guards them.
"""

import datetime as dt
import decimal
import enum
import operator
import pathlib
import re
import types
import uuid
from collections.abc import Callable
from typing import Any, Final

MAX_OBJECT_TEXT: Final = 1_024
MAX_FIELD_BYTES: Final = 65_536
"""The service cuts a longer value silently ("Field value 64 KB" of its limits page)."""

_QUERY: Final = re.compile(r"\?[^\s'\"<>)\]]*")


def short(value: object, kind: type) -> str:
    """Tell an object of no known kind in one short text; a request without its query string."""
    try:
        made = str(value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        made = repr(value)
    if kind.__name__.endswith("Request"):
        made = _QUERY.sub("", made)
    made = str.__str__(made)
    return made if len(made) <= MAX_OBJECT_TEXT else f"{made[:MAX_OBJECT_TEXT]}[{len(made)} characters]"


def unprintable(kind: type) -> str:
    """Tell only the kind of a value whose methods raise."""
    return f"[unprintable {type.__dict__['__name__'].__get__(kind)}]"


def long_integer(value: int) -> str:
    """Tell an integer that no column holds."""
    # Python refuses to print integers of over 4,300 digits (int_max_str_digits).
    return str(value) if value.bit_length() < 10_000 else f"[integer of {value.bit_length()} bits]"


def _decode(value: bytes | bytearray | memoryview) -> str:
    return bytes(memoryview(value)[: MAX_FIELD_BYTES + 1]).decode("utf-8", "backslashreplace")


def stamp(moment: dt.datetime) -> str:
    """Write a time in UTC with six decimals and Z; one without a zone is taken as UTC, as Azure does.

    Auxiliary tables take no other form than six decimals.
    """
    moment = moment.replace(tzinfo=dt.UTC) if moment.utcoffset() is None else moment.astimezone(dt.UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _exception_line(value: BaseException) -> str:
    told = short(value, type(value))
    return f"{type(value).__name__}: {told}" if told else type(value).__name__


def _type_name(value: type) -> str:
    return f"{value.__module__}.{value.__qualname__}"


SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    dt.datetime: stamp,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: str,
    decimal.Decimal: str,
    uuid.UUID: str,
    bytes: _decode,
    bytearray: _decode,
    memoryview: _decode,
}
"""Kinds that need no descent, looked up by exact type."""

BASES: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (enum.Enum, operator.attrgetter("value")),
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (type, _type_name),
    (BaseException, _exception_line),
    (pathlib.PurePath, str),
    (bytes, _decode),
    (dt.datetime, stamp),
    (dt.date, dt.date.isoformat),
    (types.TracebackType, lambda _: "[traceback]"),
)
"""Kinds told by inheritance, first match; a result that is not text is visited again."""
