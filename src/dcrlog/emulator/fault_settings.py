"""The settings of a fault: what each may be, and which go together."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

Action = Literal[
    "status",
    "delay",
    "drip",
    "hang",
    "reset_before",
    "reset_after",
    "lose_reply",
    "cut_reply",
    "throttle",
]
Kind = Literal["ingestion", "token"]
Compression = Literal["whole", "broken"]

_MAX_SECONDS: Final = 86_400


def _one_of(names: Any) -> "Check":
    known = get_args(names)
    return (lambda value: isinstance(value, str) and value in known), f"one of {', '.join(known)}"


def _whole(value: object, least: float = 1, most: float = math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number(value: object, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most


def _is_header_value(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"([!-~\x80-\xff]([ -~\x80-\xff\t]*[!-~\x80-\xff])?)?", value) is not None
    )


def _are_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and re.fullmatch(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", name)
        # The server sets these two itself, and refuses to send a wrong one.
        and name.lower() not in {"content-length", "transfer-encoding"}
        and _is_header_value(text)
        for name, text in value.items()
    )


def _is_nth(value: object) -> bool:
    return _whole(value) or (
        isinstance(value, list | tuple) and bool(value) and all(_whole(number) for number in value)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and _encodes(value)


def _encodes(value: str) -> bool:
    # Half a surrogate pair cannot be sent.
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


Check = tuple[Callable[[Any], bool], str]

_COUNT: Final[Check] = (_whole, "a whole number of at least 1")
_TEXT: Final[Check] = (_is_text, "text that is not empty")
_TIME: Final[Check] = (
    lambda value: _number(value, _MAX_SECONDS),
    f"seconds, over 0 and at most {_MAX_SECONDS}",
)

CHECKS: Final[Mapping[str, Check]] = {
    "action": _one_of(Action),
    "kind": _one_of(Kind),
    "stream": _TEXT,
    "containing": _TEXT,
    "nth": (_is_nth, "a whole number of at least 1, or a list of such"),
    "rate": (lambda value: _number(value, 1), "a number over 0 and at most 1"),
    "seed": (lambda value: _whole(value, -math.inf), "a whole number"),
    "times": _COUNT,
    "status": (lambda value: _whole(value, 200, 599), "a whole number from 200 to 599"),
    "code": (lambda value: _is_text(value) and _is_header_value(value), "text that fits a header"),
    "body": (lambda value: isinstance(value, str) and _encodes(value), "text"),
    "repeat": _COUNT,
    "gzip": _one_of(Compression),
    "headers": (_are_headers, "names and values of headers, other than Content-Length and Transfer-Encoding"),
    "retry_after": (
        lambda value: (
            _is_header_value(value) or (isinstance(value, int | float) and not isinstance(value, bool))
        ),
        "seconds, or text that fits a header",
    ),
    "seconds": _TIME,
    "requests": _COUNT,
    "bytes": _COUNT,
    "window": _TIME,
}

_WHICH: Final = frozenset({"action", "kind", "stream", "containing", "nth", "rate", "seed", "times"})
_ANSWER: Final = frozenset({"status", "code", "body", "repeat", "gzip", "headers", "retry_after"})
TAKES: Final[Mapping[Action, frozenset[str]]] = {
    "status": _WHICH | _ANSWER,
    "delay": _WHICH | _ANSWER | {"seconds"},
    "drip": _WHICH | _ANSWER | {"seconds"},
    "hang": _WHICH,
    "reset_before": _WHICH - {"containing"},
    "reset_after": _WHICH,
    "lose_reply": _WHICH,
    "cut_reply": _WHICH | _ANSWER,
    "throttle": frozenset({"action", "kind", "stream", "requests", "bytes", "window"}),
}
NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_ANSWER - {"status", "repeat"}, "status"),
    "status": "status",
    "delay": "seconds",
    "drip": "seconds",
    "repeat": "body",
    "seed": "rate",
}
