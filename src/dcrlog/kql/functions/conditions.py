"""Functions that choose among values."""

from collections.abc import Callable, Sequence
from typing import Any

from dcrlog.kql._table import Call, common_type, function
from dcrlog.kql._typed import Typed, apply, cast, choose, negation
from dcrlog.kql._types import Type, kql_name

_FAMILY = "Conditional"


@function("iif(boolean, any, any)", family=_FAMILY)
def iif(call: Call) -> Typed:
    """Choose between two."""
    condition, then, otherwise = call.arguments
    wanted = one_type(call, [then, otherwise])
    return choose([(condition, cast(then, wanted))], cast(otherwise, wanted))


function(
    "iff(boolean, any, any)", family=_FAMILY, standing="taken", evidence="field", note="the same as iif()"
)(iif)


@function("case(any, any, any+)", family=_FAMILY, note="pairs of a condition and a value, then another value")
def case(call: Call) -> Typed:
    """Choose the first whose condition is true."""
    if len(call.arguments) % 2 == 0:
        raise call.refuse(
            "takes pairs of a condition and a value, and one value more: an odd number of arguments"
        )
    conditions, otherwise = call.arguments[:-1:2], call.arguments[-1]
    for number, condition in enumerate(conditions):
        if condition.type is not Type.BOOL:
            raise call.refuse(f"A value of type bool expected, got {kql_name(condition.type)}.", 2 * number)
    values = [*call.arguments[1::2], otherwise]
    wanted = one_type(call, values)
    return choose(
        [(condition, cast(value, wanted)) for condition, value in zip(conditions, values, strict=False)],
        cast(otherwise, wanted),
    )


def one_type(call: Call, values: Sequence[Typed]) -> Type:
    """Return the type of values to choose from.

    Raises:
        MistakeError: They have none in common.
    """
    types = [value.type for value in values]
    wanted = common_type(types)
    if wanted is None:
        told = ", ".join(dict.fromkeys(map(kql_name, types)))
        raise call.refuse(f"the values to choose from must be of one type, got {told}")
    return wanted


def _most(compare: Callable[..., Any]) -> Callable[..., Any]:
    def compute(*values: Any) -> Any:
        known = [value for value in values if value is not None]
        return compare(known) if known else None

    return compute


def _most_of(compare: Callable[..., Any], call: Call) -> Typed:
    wanted = one_type(call, call.arguments)
    if wanted in {Type.DYNAMIC, Type.GUID}:
        raise call.refuse(f"values of type {wanted} have no order")
    values = [cast(value, wanted) for value in call.arguments]
    return apply(_most(compare), values, wanted, takes_null=True, may_fail=True)


@function("max_of(any, any, any*)", family=_FAMILY, note="null only if all are")
def max_of(call: Call) -> Typed:
    """Return the greatest."""
    return _most_of(max, call)


@function("min_of(any, any, any*)", family=_FAMILY, note="null only if all are")
def min_of(call: Call) -> Typed:
    """Return the least."""
    return _most_of(min, call)


@function("not(boolean)", family=_FAMILY, standing="taken", evidence="field", note="null for null")
def not_(call: Call) -> Typed:
    """Negate."""
    return negation(call.arguments[0])
