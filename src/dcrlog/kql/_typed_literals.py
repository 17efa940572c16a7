"""Literals that name their type: datetime(2026-11-24), int(1), real(+inf), dynamic({"a": 1}) and nulls."""

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from dcrlog.kql import _ticks
from dcrlog.kql._dynamic import decode
from dcrlog.kql._lexer import Token
from dcrlog.kql._literals import unescape
from dcrlog.kql._types import Type, parse_type
from dcrlog.kql.errors import MistakeError, syntax_error

INT_RANGE: Final = (-(1 << 31), (1 << 31) - 1)
LONG_RANGE: Final = (-(1 << 63), (1 << 63) - 1)

CURRENT_TIME: Final = object()
"""The value of datetime(), which is another for each batch."""

_INTEGER: Final = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]{1,16})|(\d{1,25}))", re.ASCII)
_REAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_REALS: Final = {"nan": "nan", "inf": "inf", "+inf": "inf", "-inf": "-inf"}
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_QUOTED: Final = re.compile(r"""@?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL)


def typed_literal(token: Token) -> tuple[Type, Any]:
    """Return type and value of a typed literal.

    Raises:
        MistakeError: The content is no value of that type.
    """
    literal_type = parse_type(token.type_name)
    if literal_type is None:
        raise MistakeError(f"the type '{token.type_name}' is not supported", token.at)
    content = token.value.strip()
    if not content and literal_type is Type.DATETIME:
        return literal_type, CURRENT_TIME
    if content.lower() == "null":
        return literal_type, None
    if literal_type is Type.DYNAMIC:
        return literal_type, _dynamic(content, token)
    if _QUOTED.fullmatch(content):
        content = content.removeprefix("@")[1:-1]
    value = _parse(literal_type, content)
    if value is None:
        raise syntax_error(f"'{token.value.strip()[:40]}' is not a valid {token.type_name}", token.at)
    return literal_type, value


def _parse(literal_type: Type, content: str) -> Any:
    if literal_type is Type.BOOL:
        return {"true": True, "false": False, "1": True, "0": False}.get(content.lower())
    return _PARSERS[literal_type](content)


def _parse_guid(content: str) -> str | None:
    return str(uuid.UUID(content)) if _GUID.fullmatch(content) else None


def _parse_real(content: str) -> float | None:
    found = _REALS.get(content.lower()) or (content if _REAL.fullmatch(content) else None)
    return None if found is None else float(found)


def parse_integer(text: str, limits: tuple[int, int]) -> int | None:
    """Read a decimal or hexadecimal integer within limits."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    value = int(found[2], 16) if found[2] else int(found[3])
    value = -value if found[1] == "-" else value
    return value if limits[0] <= value <= limits[1] else None


_PARSERS: Final[dict[Type, Callable[[str], Any]]] = {
    Type.DATETIME: _ticks.parse_datetime,
    Type.TIMESPAN: _ticks.parse_timespan,
    Type.GUID: _parse_guid,
    Type.REAL: _parse_real,
    Type.INT: lambda content: parse_integer(content, INT_RANGE),
    Type.LONG: lambda content: parse_integer(content, LONG_RANGE),
}


def _dynamic(content: str, token: Token) -> Any:
    # Unlike JSON, a literal may have single quotes.
    as_json = _QUOTED.sub(lambda found: quoted_json(unescape(found[0][1:-1], token.at[0])), content)
    try:
        return decode(as_json)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise syntax_error(f"'{content[:40]}' is not a valid dynamic", token.at) from None


def quoted_json(text: str) -> str:
    """Write a JSON string."""
    return msgspec.json.encode(text).decode()
