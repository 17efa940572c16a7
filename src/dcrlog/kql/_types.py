"""The scalar types, as KQL, a stream declaration and Azure's messages call them."""

import enum
from typing import Final


class Type(enum.StrEnum):
    """A scalar type, spelled as a stream declares it."""

    BOOL = "boolean"
    INT = "int"
    LONG = "long"
    REAL = "real"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    GUID = "guid"
    DYNAMIC = "dynamic"


_ALIASES: Final = {
    "bool": Type.BOOL,
    "date": Type.DATETIME,
    "double": Type.REAL,
    "time": Type.TIMESPAN,
    "uniqueid": Type.GUID,
    "uuid": Type.GUID,
}

TYPES: Final = {**{each.value: each for each in Type}, **_ALIASES}
"""Each type by its names in KQL."""

INTEGERS: Final = frozenset({Type.INT, Type.LONG})
NUMBERS: Final = frozenset({Type.INT, Type.LONG, Type.REAL})

_SERVICE_NAMES: Final = {Type.REAL: "Double", Type.DATETIME: "DateTime", Type.TIMESPAN: "TimeSpan"}


def kql_name(of: Type) -> str:
    """Return the type's name in KQL, as gettype() tells it."""
    return "bool" if of is Type.BOOL else of.value


def service_name(of: Type) -> str:
    """Return the type's name in Azure's messages: a real is a Double there."""
    return _SERVICE_NAMES.get(of, of.value.capitalize())


def parse_type(text: str) -> Type | None:
    """Return the type of that name, in any case: Azure's documents write datetime and dateTime."""
    return TYPES.get(text.lower())
