"""Any Python value, made plain enough for JSON.

Pure, and safe with hostile values: nothing here raises, whatever a value's methods do.
(KeyboardInterrupt and SystemExit pass, as everywhere.)
"""

import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import operator
import pathlib
import re
import sys
import types
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 16
MAX_NODES: Final = 10_000
MAX_OBJECT_TEXT: Final = 1_024
MAX_FIELD_BYTES: Final = 65_536
"""The service cuts a longer value silently ("Field value 64 KB" of its limits page)."""

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
REAL_MAX: Final = sys.float_info.max

_encode: Final = msgspec.json.Encoder().encode
_QUERY: Final = re.compile(r"\?[^\s'\"<>)\]]*")


def text(value: object) -> str:
    """Return the value as Python writes it (`True`, `1.5`), a container as JSON."""
    made = plain(value)
    if made is None and value is not None:  # NaN and the infinities
        return _short(value, type(value))
    if type(made) is str:
        return made
    return _encode(made).decode() if type(made) in {dict, list} else str(made)


def plain(value: object) -> Any:
    """Return the value as a tree of dict, list, str, int, float, bool and None, of bounded size.

    Depth is bounded by `MAX_DEPTH`, the number of values by `MAX_NODES`; what lies beyond, a cycle
    and a value that raises become a marker in brackets. Generators are not consumed.
    """
    return _Walk().visit(value, MAX_DEPTH)


class _Walk:
    """One descent into a value, with what it has spent and where it is."""

    __slots__ = ("nodes", "path")

    def __init__(self) -> None:
        self.nodes = 0
        self.path: set[int] = set()

    def visit(self, value: Any, depth: int) -> Any:
        # type() and not __class__ or isinstance: a property __class__ may raise or lie.
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            return value if LONG_MIN <= value <= LONG_MAX else _long_integer(value)
        if kind is float:
            return value if -REAL_MAX <= value <= REAL_MAX else None
        try:
            scalar = _SCALARS.get(kind)
            if scalar is not None:
                return scalar(value)
            return self._container(value, kind, depth)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            return _unprintable(kind)

    def _container(self, value: Any, kind: type, depth: int) -> Any:
        items = _members(value, kind)
        if items is None:
            return self._odd(value, kind, depth)
        if depth <= 0:
            return "[nested too deeply]"
        if id(value) in self.path:
            return "[cycle]"
        self.path.add(id(value))
        try:
            if isinstance(items, dict):
                return self._visit_dict(items, depth - 1)
            return self._visit_list(items, depth - 1)
        finally:
            self.path.discard(id(value))

    def _visit_dict(self, items: dict[Any, Any], depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, member in items.items():
            if self._is_spent():
                result["..."] = f"[{len(items) - len(result)} more]"
                break
            result[key if type(key) is str else text(key)] = self.visit(member, depth)
        return result

    def _visit_list(self, items: list[Any], depth: int) -> list[Any]:
        result: list[Any] = []
        for member in items:
            if self._is_spent():
                result.append(f"[{len(items) - len(result)} more]")
                break
            result.append(self.visit(member, depth))
        return result

    def _is_spent(self) -> bool:
        self.nodes += 1
        return self.nodes > MAX_NODES

    def _odd(self, value: Any, kind: type, depth: int) -> Any:
        for base, convert in _BASES:
            if issubclass(kind, base):
                made = convert(value)
                return made if type(made) is str else self.visit(made, depth)
        if kind.__module__ == "numpy" and getattr(value, "ndim", None) is not None:
            # numpy is never imported here; its scalars and small arrays know their Python values.
            made = value.tolist() if value.size <= MAX_NODES else value
            # A numpy longdouble has no Python value: its tolist() is itself.
            return _short(value, kind) if type(made) is kind else self.visit(made, depth)
        return _short(value, kind)


def _members(value: Any, kind: type) -> dict[Any, Any] | list[Any] | None:
    """Copy the members of a container in one step, since another thread may be changing it."""
    if issubclass(kind, dict):
        return dict(dict.items(value))
    if issubclass(kind, list | tuple | set | frozenset | deque) and not issubclass(kind, enum.Enum):
        return list(value)
    if dataclasses.is_dataclass(kind) and not issubclass(kind, enum.Enum):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(kind)}
    # A Starlette request is a mapping too, of its whole scope; a request is better told in one line.
    if issubclass(kind, Mapping) and not kind.__name__.endswith("Request"):
        return dict(itertools.islice(value.items(), MAX_NODES + 1))
    return None


def _short(value: object, kind: type) -> str:
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


def _unprintable(kind: type) -> str:
    return f"[unprintable {type.__dict__['__name__'].__get__(kind)}]"


def _long_integer(value: int) -> str:
    # Python refuses to print integers of over 4,300 digits (int_max_str_digits).
    return str(value) if value.bit_length() < 10_000 else f"[integer of {value.bit_length()} bits]"


def _decode(value: bytes | bytearray | memoryview) -> str:
    return bytes(value[: MAX_FIELD_BYTES + 1]).decode("utf-8", "backslashreplace")


def stamp(moment: dt.datetime) -> str:
    """Write a time in UTC with six decimals and Z; one without a zone is taken as UTC, as Azure does.

    Auxiliary tables take no other form than six decimals.
    """
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def utc(seconds: float) -> dt.datetime:
    """Return seconds since the epoch as a time in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _exception_line(value: BaseException) -> str:
    told = _short(value, type(value))
    return f"{type(value).__name__}: {told}" if told else type(value).__name__


def _type_name(value: type) -> str:
    return f"{value.__module__}.{value.__qualname__}"


_SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
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

_BASES: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
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
