"""The typed tree: what the binder makes of the syntax tree, and the emitter turns into Python.

Constants are folded while it is made, so that what does not depend on a row is computed once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.kql._casts import CASTS, UNFAILING
from dcrlog.kql._types import Type

_MAX_FOLDED: Final = 4096


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression whose type is known.

    Attributes:
        type: The type.
        nullable: Whether it may be null; a string never is.
    """

    type: Type
    nullable: bool


@dataclass(frozen=True, slots=True)
class Const(Typed):
    """A value known beforehand."""

    value: Any


@dataclass(frozen=True, slots=True)
class TypeName(Typed):
    """typeof(), which is an argument of extract() only."""


@dataclass(frozen=True, slots=True)
class Local(Typed):
    """A value held in a variable of the generated function."""

    identifier: str


@dataclass(frozen=True, slots=True)
class Apply(Typed):
    """A function applied to arguments.

    Attributes:
        function: Takes the values, and never raises.
        arguments: Of the types that the function wants.
        takes_null: Whether the function wants to see nulls; else one makes the result null.
        template: Python for the call, with {0}, {1} for arguments, where that is quicker.
    """

    function: Callable[..., Any]
    arguments: tuple[Typed, ...]
    takes_null: bool = False
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Choose(Typed):
    """The value of the first branch whose condition is true, else another."""

    branches: tuple[tuple[Typed, Typed], ...]
    otherwise: Typed


@dataclass(frozen=True, slots=True)
class Junction(Typed):
    """`and` or `or` in three-valued logic."""

    operator: str
    operands: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class Negation(Typed):
    """not()."""

    operand: Typed


NOW: Final = Local(Type.DATETIME, False, "now")
"""The time at which the rows are transformed, the same for all of them."""
TRUE: Final = Const(Type.BOOL, False, True)
FALSE: Final = Const(Type.BOOL, False, False)


def const(of: Type, value: Any) -> Const:
    """Return a constant; the null of a string is the empty one."""
    if value is None and of is Type.STRING:
        value = ""
    return Const(of, value is None, value)


def apply(
    function: Callable[..., Any],
    arguments: Sequence[Typed],
    result: Type,
    *,
    may_fail: bool = False,
    takes_null: bool = False,
    template: str | None = None,
    folds: bool = True,
) -> Typed:
    """Apply a function; at once where every argument is a constant.

    Args:
        function: Takes the values, and never raises.
        arguments: Its arguments.
        result: The type of its result.
        may_fail: Whether the result may be null though no argument is.
        takes_null: Whether the function wants to see nulls.
        template: Python for the call.
        folds: False where the result is another at each call.
    """
    listed = tuple(arguments)
    if folds and all(isinstance(each, Const) for each in listed):
        values = [each.value for each in listed if isinstance(each, Const)]
        is_null = not takes_null and any(value is None for value in values)
        found = None if is_null else function(*values)
        if not isinstance(found, str | list | dict) or len(found) <= _MAX_FOLDED:
            return const(result, found)
    nullable = may_fail or (not takes_null and any(each.nullable for each in listed))
    return Apply(result, nullable and result is not Type.STRING, function, listed, takes_null, template)


def cast(value: Typed, to: Type) -> Typed:
    """Convert an expression; what has no conversion is null."""
    if value.type is to:
        return value
    function = CASTS.get((value.type, to))
    if function is None:
        return const(to, None)
    template = "str({0})" if function is str else None
    return apply(function, [value], to, may_fail=(value.type, to) not in UNFAILING, template=template)


def junction(operator: str, operands: Sequence[Typed]) -> Typed:
    """Join operands; one that decides alone is all there is."""
    decisive, neutral = (FALSE, TRUE) if operator == "and" else (TRUE, FALSE)
    if any(each == decisive for each in operands):
        return decisive
    left = tuple(each for each in operands if each != neutral)
    if not left:
        return neutral
    if len(left) == 1:
        return left[0]
    return Junction(Type.BOOL, any(each.nullable for each in left), operator, left)


def negation(operand: Typed) -> Typed:
    """Negate an operand."""
    if isinstance(operand, Const):
        return const(Type.BOOL, None if operand.value is None else not operand.value)
    return Negation(Type.BOOL, operand.nullable, operand)


def choose(branches: Sequence[tuple[Typed, Typed]], otherwise: Typed) -> Typed:
    """Choose among values of one type."""
    left: list[tuple[Typed, Typed]] = []
    for condition, value in branches:
        if isinstance(condition, Const):
            if condition.value is not True:
                continue
            otherwise = value
            break
        left.append((condition, value))
    if not left:
        return otherwise
    nullable = otherwise.nullable or any(value.nullable for _, value in left)
    return Choose(otherwise.type, nullable, tuple(left), otherwise)
