"""Dynamic values are what JSON has: None, bool, int, float, str, list and dict.

A datetime, timespan or guid that is packed into one becomes text, as it would in JSON.
"""

import json
from typing import Any, Final

import msgspec

MAX_SIZE: Final = 1 << 20
"""A dynamic value that a function builds is null if it is larger; Azure's limit is 1 MiB."""
MAX_TEXT: Final = 1 << 18
"""Characters of a text that a function builds; the service keeps 64 KB of a field."""
_MAX_DEPTH: Final = 100
_NODE: Final = 16


def to_json(value: Any) -> str:
    """Write a value as compact JSON; empty where it is nested too deeply to be written."""
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, RecursionError, TypeError, UnicodeError, ValueError):
        pass
    try:
        # Integers of over 64 bits and halves of surrogate pairs.
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError):
        return ""


def parse_json(text: str) -> Any:
    """Read JSON; a text that is none stays a string, and an empty one is null."""
    if not text or text.isspace():
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return text


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
