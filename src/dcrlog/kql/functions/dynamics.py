"""Functions of arrays and property bags."""

import itertools
from functools import partial
from typing import Any

from dcrlog.kql._dynamic import bounded, parse_json
from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._typed import Typed, apply, cast
from dcrlog.kql._types import Type
from dcrlog.kql._xml import parse_xml

_FAMILY = "Dynamic and array"
_listed = partial(plain, family=_FAMILY)


@_listed(
    "array_concat(dynamic, dynamic*) -> dynamic?",
    takes_null=True,
    evidence="unsure",
    note="what is no array is left out",
)
def array_concat(*arrays: Any) -> Any:
    """Join arrays."""
    return bounded([each for array in arrays if array.__class__ is list for each in array])


@_listed("array_length(dynamic) -> long?", note="null for what is no array")
def array_length(array: Any) -> int | None:
    """Count the elements."""
    return len(array) if array.__class__ is list else None


@function("pack_array(any, any*) -> dynamic", family=_FAMILY, note="pack_array(*) takes all columns")
def pack_array(call: Call) -> Typed:
    """Make an array."""
    values = [_packable(each) for each in call.arguments]
    return apply(lambda *packed: bounded(list(packed)), values, Type.DYNAMIC, takes_null=True, may_fail=True)


def _packable(value: Typed) -> Typed:
    # A string is packed as it is: cast() would read it as JSON.
    return value if value.type in {Type.STRING, Type.DYNAMIC} else cast(value, Type.DYNAMIC)


@function("pack(any, any, any*) -> dynamic", family=_FAMILY, note="keys and values in turn")
def pack(call: Call) -> Typed:
    """Make a property bag."""
    if len(call.arguments) % 2:
        raise call.refuse("takes keys and values in turn: an even number of arguments")
    values = []
    for number, each in enumerate(call.arguments):
        if number % 2:
            values.append(_packable(each))
        elif each.type is Type.STRING:
            values.append(each)
        else:
            raise call.refuse("A value of type string expected.", number)
    return apply(_pack, values, Type.DYNAMIC, takes_null=True, may_fail=True)


def _pack(*keys_and_values: Any) -> Any:
    pairs = iter(keys_and_values)
    return bounded(dict(zip(pairs, pairs, strict=True)))


@function(
    "parse_json(any) -> dynamic", family=_FAMILY, note="text that is no JSON stays a string; empty is null"
)
def parse_json_(call: Call) -> Typed:
    """Read JSON; a dynamic value is itself."""
    (value,) = call.arguments
    if value.type is Type.DYNAMIC:
        return value
    if value.type is not Type.STRING:
        raise call.refuse("The expression must have one of the types: string or dynamic", 0)
    return apply(parse_json, [value], Type.DYNAMIC, may_fail=True)


_listed(
    "parse_xml(string) -> dynamic?",
    evidence="unsure",
    note="null for what is no XML, for over 1 MiB, and for a document type; numbers become numbers",
)(parse_xml)


@_listed(
    "zip(dynamic, dynamic, dynamic*) -> dynamic?", takes_null=True, note="null where an array is shorter"
)
def zip_(*arrays: Any) -> Any:
    """Pair the elements of arrays."""
    if any(array.__class__ is not list for array in arrays):
        return None
    return bounded([list(each) for each in itertools.zip_longest(*arrays)])


@_listed(
    "bag_merge(dynamic, dynamic, dynamic*) -> dynamic?",
    standing="taken",
    evidence="field",
    takes_null=True,
    note="the leftmost value of a key; what is no bag is left out",
)
def bag_merge(*bags: Any) -> Any:
    """Merge property bags."""
    merged: dict[str, Any] = {}
    for bag in reversed(bags):
        if bag.__class__ is dict:
            merged = merged | bag
    return bounded(merged)
