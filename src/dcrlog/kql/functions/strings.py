"""Functions of strings that need no pattern."""

import base64
import binascii
import hashlib
from functools import partial

from dcrlog.kql._dynamic import MAX_TEXT, cut
from dcrlog.kql._folding import lower, upper
from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._typed import FALSE, TRUE, Typed, apply, cast
from dcrlog.kql._types import Type

_FAMILY = "String"
_listed = partial(plain, family=_FAMILY)
_MAX_PIECES = 64


@_listed("base64_encodestring(string) -> string")
def base64_encodestring(text: str) -> str:
    """Encode UTF-8."""
    return base64.b64encode(text.encode(errors="replace")).decode()


@_listed("base64_decodestring(string) -> string", note="empty where it is no base64 of UTF-8")
def base64_decodestring(text: str) -> str:
    """Decode UTF-8."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


@function("hash_sha256(any) -> string", family=_FAMILY, note="of the value as text; no dynamic value")
def hash_sha256(call: Call) -> Typed:
    """Hash a scalar."""
    (value,) = call.arguments
    if value.type is Type.DYNAMIC:
        raise call.refuse("The value of type 'dynamic' is not allowed in this context.", 0)
    return apply(_hash, [cast(value, Type.STRING)], Type.STRING)


@_listed("indexof(text, text, long?, long?, long?) -> long?", note="-1 where it is not found; from 0")
def indexof(text: str, wanted: str, start: int = 0, length: int = -1, occurrence: int = 1) -> int | None:
    """Return where a text begins in another."""
    if length < -1 or occurrence < 1:
        return None
    # The documentation says null for a negative start, and that it counts from the end: so do its examples.
    begin = max(0, len(text) + start) if start < 0 else start
    place = begin - 1
    for _ in range(min(occurrence, len(text) + 1)):
        begin = place + 1
        # The length counts anew for each occurrence, as an example of the documentation shows.
        place = text.find(wanted, begin, len(text) if length < 0 else begin + length)
        if place < 0:
            return -1
    return place if occurrence <= len(text) + 1 else -1


@function("isempty(any) -> boolean", family=_FAMILY, note="true for null and for the empty string")
def isempty(call: Call) -> Typed:
    """Tell whether a value is empty or null."""
    return _emptiness(call.arguments[0], is_empty=True)


@function("isnotempty(any) -> boolean", family=_FAMILY)
def isnotempty(call: Call) -> Typed:
    """Tell whether a value is neither empty nor null."""
    return _emptiness(call.arguments[0], is_empty=False)


def _emptiness(value: Typed, *, is_empty: bool) -> Typed:
    if value.type is Type.STRING:
        template = "({0} == '')" if is_empty else "({0} != '')"
        return apply(lambda text: (text == "") is is_empty, [value], Type.BOOL, template=template)
    if value.type is Type.DYNAMIC:
        return apply(
            lambda held: (held is None or held == "") is is_empty, [value], Type.BOOL, takes_null=True
        )
    if not value.nullable:
        return FALSE if is_empty else TRUE
    template = "({0} is None)" if is_empty else "({0} is not None)"
    return apply(
        lambda held: (held is None) is is_empty, [value], Type.BOOL, takes_null=True, template=template
    )


@_listed("strlen(string) -> long", template="len({0})", note="in code points")
def strlen(text: str) -> int:
    """Count code points."""
    return len(text)


@function("strcat(text, text*) -> string", family=_FAMILY, note=f"1 to {_MAX_PIECES} arguments")
def strcat(call: Call) -> Typed:
    """Join texts."""
    if len(call.arguments) > _MAX_PIECES:
        raise call.refuse(f"takes at most {_MAX_PIECES} arguments")
    return apply(_joined, call.arguments, Type.STRING)


def _joined(*texts: str) -> str:
    return cut("".join(texts))


@function("strcat_delim(text, text, text, text*) -> string", family=_FAMILY, note=f"2 to {_MAX_PIECES} texts")
def strcat_delim(call: Call) -> Typed:
    """Join texts with a delimiter."""
    if len(call.arguments) > _MAX_PIECES + 1:
        raise call.refuse(f"takes at most {_MAX_PIECES + 1} arguments")
    return apply(lambda delimiter, *texts: cut(delimiter.join(texts)), call.arguments, Type.STRING)


@_listed("substring(text, long, long?) -> string", note="a negative start counts from the end")
def substring(text: str, start: int, length: int = MAX_TEXT) -> str:
    """Return part of a text."""
    if start < 0:
        start += len(text)
        if start < 0:
            # Unsure, and so says docs/kql.md: nothing is published about a start before the text.
            return ""
    return text[start : start + length] if length > 0 else ""


@_listed("tolower(text) -> string", note="independent of culture, character by character")
def tolower(text: str) -> str:
    """Return a text in lower case."""
    return lower(text)


@_listed("toupper(text) -> string", note="independent of culture, character by character")
def toupper(text: str) -> str:
    """Return a text in upper case."""
    return upper(text)
