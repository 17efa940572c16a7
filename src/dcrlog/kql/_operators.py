"""Which operator goes with which types, and what it gives."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from dcrlog.kql import _compare as compare
from dcrlog.kql._casts import dynamic_text
from dcrlog.kql._folding import fold
from dcrlog.kql._typed import Const, Typed, apply, cast, negation
from dcrlog.kql._types import INTEGERS, NUMBERS, Type, kql_name
from dcrlog.kql.errors import MistakeError, Span
from dcrlog.kql.functions.searches import try_regex
from dcrlog.kql.regex import RegexError, compile_regex

_Compute = Callable[..., Any]

_REALS: Final[dict[str, tuple[_Compute, str | None]]] = {
    "+": (lambda one, other: one + other, "({0} + {1})"),
    "-": (lambda one, other: one - other, "({0} - {1})"),
    "*": (lambda one, other: one * other, "({0} * {1})"),
    "/": (compare.divide_reals, None),
    "%": (compare.modulo_reals, None),
}
_LONGS: Final[dict[str, _Compute]] = {
    "+": compare.add,
    "-": compare.subtract,
    "*": compare.multiply,
    "/": compare.divide,
    "%": compare.modulo,
}
_D, _S = Type.DATETIME, Type.TIMESPAN
_TIMES: Final[dict[tuple[str, Type, Type], tuple[_Compute, Type]]] = {
    ("+", _D, _S): (compare.shift, _D),
    ("+", _S, _D): (lambda span, time: compare.shift(time, span), _D),
    ("-", _D, _S): (compare.shift_back, _D),
    ("-", _D, _D): (compare.subtract, _S),
    ("+", _S, _S): (compare.add, _S),
    ("-", _S, _S): (compare.subtract, _S),
    ("/", _S, _S): (lambda one, other: compare.divide_reals(float(one), float(other)), Type.REAL),
    ("%", _S, _S): (compare.modulo, _S),
    **{("*", _S, number): (compare.scale, _S) for number in NUMBERS},
    **{("*", number, _S): (lambda by, span: compare.scale(span, by), _S) for number in NUMBERS},
    **{("/", _S, number): (compare.shrink, _S) for number in NUMBERS},
}
_ORDERED: Final = frozenset({Type.BOOL, _D, _S})
_ORDERS: Final[dict[str, _Compute]] = {
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}
_SEARCHES: Final[dict[str, tuple[_Compute, str | None]]] = {
    "contains": (lambda text, part: part in text, "({1} in {0})"),
    "startswith": (str.startswith, "{0}.startswith({1})"),
    "endswith": (str.endswith, "{0}.endswith({1})"),
    "has": (compare.has_term, None),
    "hasprefix": (compare.has_prefix, None),
    "hassuffix": (compare.has_suffix, None),
}

UNLISTED: Final = frozenset(
    {
        f"{negation}{word}{suffix}"
        for negation in ("", "!")
        for word in ("hasprefix", "hassuffix")
        for suffix in ("", "_cs")
    }
    | {"in~", "!in~", "has_any", "has_all", "between", "!between"}
)
"""Operators of KQL that are not on Azure's list."""


def binary(operator: str, left: Typed, right: Typed, at: Span) -> Typed:
    """Make an expression of two operands.

    Raises:
        MistakeError: The operator does not go with their types.
    """
    if operator in _LONGS:
        return _arithmetic(operator, left, right, at)
    if operator in {"==", "!="}:
        return equality(operator, left, right, at)
    if operator in _ORDERS:
        return _order(operator, left, right, at)
    return _search(operator, left, right, at)


def undefined(operator: str, types: Sequence[Typed], at: Span) -> MistakeError:
    """Return the mistake of an operator that does not go with its operands."""
    told = " and ".join(kql_name(each.type) for each in types)
    return MistakeError(f"The operator '{operator}' is not defined for the operand types {told}.", at)


def sign(operator: str, operand: Typed, at: Span) -> Typed:
    """Make an expression of a sign."""
    if operand.type not in {*NUMBERS, _S}:
        raise MistakeError(
            f"The operator '{operator}' is not defined for the operand type {kql_name(operand.type)}.", at
        )
    if operator == "+":
        return operand
    if operand.type is Type.REAL:
        return apply(lambda value: -value, [operand], Type.REAL, template="(-{0})")
    result = Type.LONG if operand.type is Type.INT else operand.type
    return apply(compare.negate, [operand], result, may_fail=True)


def _arithmetic(operator: str, left: Typed, right: Typed, at: Span) -> Typed:
    left, right = _undynamic(left, right)
    types = (left.type, right.type)
    if types[0] in INTEGERS and types[1] in INTEGERS:
        return apply(_LONGS[operator], [left, right], Type.LONG, may_fail=True)
    if types[0] in NUMBERS and types[1] in NUMBERS:
        compute, template = _REALS[operator]
        return apply(compute, [cast(each, Type.REAL) for each in (left, right)], Type.REAL, template=template)
    found = _TIMES.get((operator, *types))
    if found is None:
        raise undefined(operator, [left, right], at)
    return apply(found[0], [left, right], found[1], may_fail=found[1] is not Type.REAL)


def _undynamic(left: Typed, right: Typed) -> tuple[Typed, Typed]:
    """Bring a dynamic operand to the type of the other one, an integer to a long."""
    if left.type is Type.DYNAMIC and right.type is not Type.DYNAMIC:
        return cast(left, Type.LONG if right.type is Type.INT else right.type), right
    if right.type is Type.DYNAMIC and left.type is not Type.DYNAMIC:
        return left, cast(right, Type.LONG if left.type is Type.INT else left.type)
    return left, right


def equality(operator: str, left: Typed, right: Typed, at: Span) -> Typed:
    """Compare with == or !=.

    Raises:
        MistakeError: The types have nothing in common.
    """
    one, other = comparable(left, right, at)
    compute = compare.equal if operator == "==" else compare.unequal
    if (one.nullable and other.nullable) or Type.DYNAMIC in {one.type, other.type}:
        return apply(
            compute, [one, other], Type.BOOL, takes_null=True, may_fail=one.nullable and other.nullable
        )
    # Python's None is unequal to all else, as null is.
    return apply(compute, [one, other], Type.BOOL, takes_null=True, template=f"({{0}} {operator} {{1}})")


def comparable(left: Typed, right: Typed, at: Span) -> tuple[Typed, Typed]:
    """Bring two operands to where Python's == compares them as KQL does.

    Raises:
        MistakeError: The types have nothing in common.
    """
    types = {left.type, right.type}
    if len(types) == 1 or types <= NUMBERS | {Type.BOOL}:
        return left, right
    if Type.DYNAMIC in types:
        other = (types - {Type.DYNAMIC}).pop()
        return _comparable_dynamic(left, other), _comparable_dynamic(right, other)
    if types == {Type.GUID, Type.STRING}:
        return cast(left, Type.GUID), cast(right, Type.GUID)
    raise _incomparable(left, right, at)


def _incomparable(left: Typed, right: Typed, at: Span) -> MistakeError:
    # The service's own words; it says so of two strings, too, which have no order in KQL.
    told = f"{kql_name(left.type)} and {kql_name(right.type)}"
    return MistakeError(f"Cannot compare values of types {told}. Try adding explicit casts", at)


def _comparable_dynamic(value: Typed, other: Type) -> Typed:
    if value.type is not Type.DYNAMIC:
        return value
    if other is Type.STRING:
        # Not cast(): a null is unequal to the empty string.
        return apply(dynamic_text, [value], Type.DYNAMIC)
    if other in NUMBERS:
        return apply(compare.number_of, [value], Type.REAL, may_fail=True)
    return cast(value, other)


def _order(operator: str, left: Typed, right: Typed, at: Span) -> Typed:
    types = {left.type, right.type}
    if Type.DYNAMIC in types and len(types) == 2:
        (other,) = types - {Type.DYNAMIC}
        left, right = _comparable_dynamic(left, other), _comparable_dynamic(right, other)
    both = {left.type, right.type}
    if not (both <= NUMBERS or (len(both) == 1 and both <= _ORDERED)):
        raise _incomparable(left, right, at)
    return apply(_ORDERS[operator], [left, right], Type.BOOL, template=f"({{0}} {operator} {{1}})")


def _search(operator: str, left: Typed, right: Typed, at: Span) -> Typed:
    if not {left.type, right.type} <= {Type.STRING, Type.DYNAMIC}:
        raise undefined(operator, [left, right], at)
    one, other = cast(left, Type.STRING), cast(right, Type.STRING)
    if operator in {"=~", "!~"}:
        return equality("==" if operator == "=~" else "!=", _folded(one), _folded(other), at)
    if operator == "matches regex":
        return _matches(one, other, at)
    word = operator.removeprefix("!").removesuffix("_cs")
    if not operator.endswith("_cs"):
        one, other = _folded(one), _folded(other)
    compute, template = _SEARCHES[word]
    found = apply(compute, [one, other], Type.BOOL, template=template)
    return negation(found) if operator.startswith("!") else found


def _folded(text: Typed) -> Typed:
    return apply(fold, [text], Type.STRING)


def _matches(text: Typed, pattern: Typed, at: Span) -> Typed:
    if isinstance(pattern, Const):
        try:
            return apply(compile_regex(pattern.value).matches, [text], Type.BOOL)
        except RegexError as error:
            raise MistakeError(f"invalid regular expression: {error}", at) from None
    return apply(_matches_row, [text, pattern], Type.BOOL)


def _matches_row(text: str, pattern: str) -> bool:
    regex = try_regex(pattern)
    return regex is not None and regex.matches(text)
