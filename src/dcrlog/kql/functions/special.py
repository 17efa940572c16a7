"""Functions that only transformations have."""

import re
from typing import Any, Final

from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._typed import Typed, const
from dcrlog.kql._types import Type

_FAMILY = "Special"
_HEADER: Final = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Name", "Severity")
_PIPE: Final = re.compile(r"(?<!\\)\|")
_KEY: Final = re.compile(r"(?:^|(?<=\s))([\w.\[\]-]+)=", re.ASCII)


@plain(
    "parse_cef_dictionary(string) -> dynamic?",
    family=_FAMILY,
    evidence="unsure",
    note="the header's fields, and Extension, a bag of its keys and values; null for what is no CEF",
)
def parse_cef_dictionary(text: str) -> Any:
    """Take a message in the Common Event Format apart."""
    begin = text.find("CEF:")
    if begin < 0:
        return None
    parts = _PIPE.split(text[begin + 4 :], maxsplit=7)
    if len(parts) < 7:
        return None
    header = {name: _plain(part) for name, part in zip(_HEADER, parts[1:], strict=False)}
    return {"Version": parts[0], **header, "Extension": _extension(parts[7] if len(parts) == 8 else "")}


def _extension(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    keys = list(_KEY.finditer(text))
    for number, key in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        found[key[1]] = _plain(text[key.end() : end].strip())
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


@function(
    "geo_location(string) -> dynamic",
    family=_FAMILY,
    evidence="unsure",
    note="an empty bag, with a warning: Azure asks a service of its own",
)
def geo_location(call: Call) -> Typed:
    """Return nothing: where an address is, is not known here."""
    call.warn("geo_location() gives an empty bag here: Azure asks a service of its own.", call.at)
    return const(Type.DYNAMIC, {})
