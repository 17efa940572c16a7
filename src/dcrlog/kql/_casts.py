"""Conversions of values. None of them raises: what cannot be converted is null, or an empty string."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from dcrlog.kql import _ticks
from dcrlog.kql._dynamic import finite, parse_json, real_text, to_json
from dcrlog.kql._ticks import format_datetime, format_timespan
from dcrlog.kql._typed_literals import INT_RANGE, LONG_RANGE, parse_integer
from dcrlog.kql._types import Type

Cast = Callable[[Any], Any]

_REAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,5})?", re.ASCII)
_REAL_WORDS: Final = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf}
_GUID: Final = re.compile(r"\s*\{?((?:[0-9a-fA-F]-?){31}[0-9a-fA-F]).*", re.DOTALL)


def dynamic_text(value: Any) -> str:
    """Write a dynamic value: a string as it is, null as nothing, anything else as JSON."""
    return value if value.__class__ is str else "" if value is None else to_json(value)


def text_to_long(text: str) -> int | None:
    """Read an integer, decimal or hexadecimal."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return parse_integer(text.strip(), LONG_RANGE)


def text_to_int(text: str) -> int | None:
    """Read an integer of 32 bits."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return parse_integer(text.strip(), INT_RANGE)


def text_to_real(text: str) -> float | None:
    """Read a real."""
    text = text.strip()
    return float(text) if _REAL.fullmatch(text) else _REAL_WORDS.get(text.lower())


def text_to_bool(text: str) -> bool | None:
    """Read true or false in any case, or a number."""
    text = text.strip().lower()
    if text in {"true", "false"}:
        return text == "true"
    number = parse_integer(text, LONG_RANGE)
    return None if number is None else number != 0


def text_to_guid(text: str) -> str | None:
    """Read a guid: 32 hexadecimal digits with or without dashes; what follows them is ignored."""
    found = _GUID.fullmatch(text)
    if found is None:
        return None
    digits = found[1].replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def to_int(value: int) -> int | None:
    """Return an integer that fits 32 bits."""
    return value if -2_147_483_648 <= value <= 2_147_483_647 else None


def to_long(value: int) -> int | None:
    """Return an integer that fits 64 bits."""
    return value if -9_223_372_036_854_775_808 <= value <= 9_223_372_036_854_775_807 else None


def real_to_long(value: float) -> int | None:
    """Cut the fraction off."""
    return to_long(int(value)) if math.isfinite(value) else None


def real_to_int(value: float) -> int | None:
    """Cut the fraction off."""
    return to_int(int(value)) if math.isfinite(value) else None


def _from_dynamic(from_text: Cast, from_number: Cast, from_real: Cast) -> Cast:
    def cast(value: Any) -> Any:
        kind = value.__class__
        if kind is str:
            return from_text(value)
        if kind is int or kind is bool:
            return from_number(value)
        return from_real(value) if kind is float else None

    return cast


def _nothing(_: Any) -> None:
    return None


def _same(value: Any) -> Any:
    return value


CASTS: Final[Mapping[tuple[Type, Type], Cast]] = {
    (Type.BOOL, Type.STRING): str,
    (Type.INT, Type.STRING): str,
    (Type.LONG, Type.STRING): str,
    (Type.REAL, Type.STRING): real_text,
    (Type.DATETIME, Type.STRING): format_datetime,
    (Type.TIMESPAN, Type.STRING): format_timespan,
    (Type.GUID, Type.STRING): _same,
    (Type.DYNAMIC, Type.STRING): dynamic_text,
    (Type.STRING, Type.BOOL): text_to_bool,
    (Type.INT, Type.BOOL): bool,
    (Type.LONG, Type.BOOL): bool,
    (Type.REAL, Type.BOOL): bool,
    (Type.DYNAMIC, Type.BOOL): _from_dynamic(text_to_bool, bool, bool),
    (Type.STRING, Type.INT): text_to_int,
    (Type.BOOL, Type.INT): int,
    (Type.LONG, Type.INT): to_int,
    (Type.REAL, Type.INT): real_to_int,
    (Type.DATETIME, Type.INT): to_int,
    (Type.TIMESPAN, Type.INT): to_int,
    (Type.DYNAMIC, Type.INT): _from_dynamic(text_to_int, lambda value: to_int(int(value)), real_to_int),
    (Type.STRING, Type.LONG): text_to_long,
    (Type.BOOL, Type.LONG): int,
    (Type.INT, Type.LONG): _same,
    (Type.REAL, Type.LONG): real_to_long,
    (Type.DATETIME, Type.LONG): _same,
    (Type.TIMESPAN, Type.LONG): _same,
    (Type.DYNAMIC, Type.LONG): _from_dynamic(text_to_long, lambda value: to_long(int(value)), real_to_long),
    (Type.STRING, Type.REAL): text_to_real,
    (Type.BOOL, Type.REAL): float,
    (Type.INT, Type.REAL): float,
    (Type.LONG, Type.REAL): float,
    (Type.TIMESPAN, Type.REAL): float,
    (Type.DATETIME, Type.REAL): float,
    (Type.DYNAMIC, Type.REAL): _from_dynamic(text_to_real, float, _same),
    (Type.STRING, Type.DATETIME): _ticks.parse_datetime,
    (Type.DYNAMIC, Type.DATETIME): _from_dynamic(_ticks.parse_datetime, _nothing, _nothing),
    (Type.STRING, Type.TIMESPAN): _ticks.parse_timespan,
    (Type.INT, Type.TIMESPAN): _same,
    (Type.LONG, Type.TIMESPAN): _same,
    (Type.DYNAMIC, Type.TIMESPAN): _from_dynamic(_ticks.parse_timespan, to_long, _nothing),
    (Type.STRING, Type.GUID): text_to_guid,
    (Type.DYNAMIC, Type.GUID): _from_dynamic(text_to_guid, _nothing, _nothing),
    (Type.STRING, Type.DYNAMIC): parse_json,
    (Type.BOOL, Type.DYNAMIC): _same,
    (Type.INT, Type.DYNAMIC): _same,
    (Type.LONG, Type.DYNAMIC): _same,
    (Type.REAL, Type.DYNAMIC): finite,
    (Type.DATETIME, Type.DYNAMIC): format_datetime,
    (Type.TIMESPAN, Type.DYNAMIC): format_timespan,
    (Type.GUID, Type.DYNAMIC): _same,
}
"""What converts a value of the first type, never null, to the second. Pairs that are absent give null."""

UNFAILING: Final = frozenset(
    {pair for pair in CASTS if pair[1] is Type.STRING}
    | {(source, Type.BOOL) for source in (Type.INT, Type.LONG, Type.REAL)}
    | {(source, Type.REAL) for source in (Type.BOOL, Type.INT, Type.LONG, Type.TIMESPAN, Type.DATETIME)}
    | {(source, Type.LONG) for source in (Type.BOOL, Type.INT, Type.TIMESPAN, Type.DATETIME)}
    | {(Type.BOOL, Type.INT)}
)
"""The casts that give no null of their own."""
