"""Functions that tell what a value is."""

from typing import Any

from dcrlog.kql._table import Call, function
from dcrlog.kql._typed import FALSE, TRUE, Typed, apply, const
from dcrlog.kql._types import Type, kql_name

_FAMILY = "Type"
_HELD = {type(None): "null", bool: "bool", int: "long", float: "real", str: "string", list: "array"}


@function(
    "gettype(any) -> string", family=_FAMILY, note="a dynamic value's own type: array, dictionary, null ..."
)
def gettype(call: Call) -> Typed:
    """Return the type, for a dynamic value that of what it holds."""
    (value,) = call.arguments
    if value.type is Type.DYNAMIC:
        return apply(_held, [value], Type.STRING, takes_null=True)
    return const(Type.STRING, kql_name(value.type))


def _held(value: Any) -> str:
    return _HELD.get(type(value), "dictionary")


@function("isnull(any) -> boolean", family=_FAMILY, note="never true for a string")
def isnull(call: Call) -> Typed:
    """Tell whether a value is null."""
    (value,) = call.arguments
    if not value.nullable:
        return FALSE
    return apply(lambda value: value is None, [value], Type.BOOL, takes_null=True, template="({0} is None)")


@function("isnotnull(any) -> boolean", family=_FAMILY, note="always true for a string")
def isnotnull(call: Call) -> Typed:
    """Tell whether a value is not null."""
    (value,) = call.arguments
    if not value.nullable:
        return TRUE
    return apply(
        lambda value: value is not None, [value], Type.BOOL, takes_null=True, template="({0} is not None)"
    )
