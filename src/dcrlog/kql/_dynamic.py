"""Dynamic values are what JSON has: None, bool, int, float, str, list and dict.

A datetime, timespan or guid that is packed into one becomes text, as it would in JSON. An integer has 64 bits
and a float is finite: `cleaned` makes it so where values come in.
"""

import json
import math
import re
from typing import Any, Final

import msgspec

MAX_SIZE: Final = 1 << 20
"""A dynamic value that a function builds is null if it is larger; Azure's limit is 1 MiB."""
MAX_TEXT: Final = 1 << 18
"""Characters of a text that a function builds; the service keeps 64 KB of a field."""
_MAX_DEPTH: Final = 100
_NODE: Final = 16
_LONG: Final = 1 << 63
_LONG_DIGITS: Final = 19
_EXPONENT: Final = re.compile(r"\de[+-]?\d")
_STRING_OR_EXPONENT: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.]*e[+-]?\d+')


def to_json(value: Any) -> str:
    """Write a value as compact JSON; empty where it is nested too deeply to be written."""
    text = _written(value)
    return _STRING_OR_EXPONENT.sub(_respelled, text) if _EXPONENT.search(text) else text


def _written(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, RecursionError, TypeError, UnicodeError, ValueError):
        pass
    try:
        # Halves of surrogate pairs.
        return json.dumps(cleaned(value), ensure_ascii=True, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError):
        return ""


def _respelled(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else real_text(float(found[0]))


def real_text(value: float) -> str:
    """Write a real as .NET does, with an exponent such as E+20; a whole one keeps its .0."""
    if math.isfinite(value):
        return repr(value).upper()
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def parse_json(text: str) -> Any:
    """Read JSON; a text that is none stays a string, and an empty one is null."""
    if not text or text.isspace():
        return None
    try:
        return decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text


def decode(text: str) -> Any:
    """Read JSON.

    Raises:
        msgspec.DecodeError, ValueError: The text is none.
        RecursionError: It is nested too deeply.
    """
    try:
        return cleaned(msgspec.json.decode(text))
    except msgspec.ValidationError:
        # A number that fits no double is JSON all the same.
        return cleaned(json.loads(text, parse_int=_number, parse_constant=_no_number))


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= _LONG_DIGITS else float(digits)


def _no_number(word: str) -> None:
    raise ValueError(word)


def cleaned(value: Any) -> Any:
    """Return a value whose numbers all are ones that the service has.

    NaN and infinities become null, and integers of more than 64 bits reals.
    """
    pending = [value]
    for each in pending:
        kind = each.__class__
        if kind is dict:
            pending += each.values()
        elif kind is list:
            pending += each
        elif (kind is float and each - each != 0) or (kind is int and not -_LONG <= each < _LONG):
            break
    else:
        return value
    try:
        return _rebuilt(value)
    except RecursionError:
        return None


def _rebuilt(value: Any) -> Any:
    match value:
        case dict():
            return {key: _rebuilt(each) for key, each in value.items()}
        case list():
            return [_rebuilt(each) for each in value]
        case float():
            return finite(value)
        case int() if not -_LONG <= value < _LONG:
            return number_to_real(value)
    return value


def number_to_real(value: float) -> float | None:
    """Return a number as a real; null for an integer that is beyond the range of one."""
    try:
        return float(value)
    except OverflowError:
        return None


def finite(value: float) -> float | None:
    """Return a real, or null for NaN and infinities, which JSON does not have."""
    return value if math.isfinite(value) else None


def member(value: Any, key: str) -> Any:
    """Return a property of a bag; null for anything else."""
    return value.get(key) if value.__class__ is dict else None


def element(value: Any, index: Any) -> Any:
    """Return an element of an array, from its end for a negative index, or a property of a bag."""
    if value.__class__ is list:
        if index.__class__ is int and -len(value) <= index < len(value):
            return value[index]
        return None
    return value.get(index) if value.__class__ is dict and index.__class__ is str else None


def bounded(value: Any) -> Any:
    """Return a value that was built, or null if it is too large or too deep.

    A few hundred statements that each pack a value twice would otherwise fill the memory.
    """
    size, level = 0, [value]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for each in level:
            kind = each.__class__
            size += len(each) if kind is str else _NODE
            if kind is list:
                below += each
            elif kind is dict:
                below += each.values()
                size += sum(map(len, each))
            if size + _NODE * len(below) > MAX_SIZE:
                return None
        if not below:
            return value
        level = below
    return None


def cut(text: str) -> str:
    """Return a text that was built, cut to the limit."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT]
