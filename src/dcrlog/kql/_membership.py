"""in, in~, has_any and has_all."""

from collections.abc import Sequence

from dcrlog.kql import _compare as compare
from dcrlog.kql._operators import binary, comparable, equality, undefined
from dcrlog.kql._typed import Const, Typed, apply, cast, const, junction, negation
from dcrlog.kql._types import Type
from dcrlog.kql.errors import Span


def membership(operator: str, value: Typed, options: Sequence[tuple[Typed, Span]], at: Span) -> Typed:
    """Make an expression that looks a value up in a list.

    Raises:
        MistakeError: The types do not go together.
    """
    if operator in {"has_any", "has_all"}:
        found = [binary("has", value, option, where) for option, where in _spread(options)]
        return junction("or" if operator == "has_any" else "and", found)
    wanted = operator.removeprefix("!")
    found_one = _folded_in(value, options, at) if wanted == "in~" else _in(value, options, at)
    return negation(found_one) if operator.startswith("!") else found_one


def _spread(options: Sequence[tuple[Typed, Span]]) -> list[tuple[Typed, Span]]:
    """Put the elements of constant arrays into their place."""
    found: list[tuple[Typed, Span]] = []
    for option, at in options:
        if isinstance(option, Const) and isinstance(option.value, list):
            found += [(const(_type_of(each), each), at) for each in option.value]
        else:
            found.append((option, at))
    return found


def _type_of(value: object) -> Type:
    kinds = {bool: Type.BOOL, int: Type.LONG, float: Type.REAL, str: Type.STRING}
    return kinds.get(type(value), Type.DYNAMIC)


def _in(value: Typed, options: Sequence[tuple[Typed, Span]], at: Span) -> Typed:
    comparisons: list[Typed] = []
    fixed: dict[Type, tuple[Typed, set[object]]] = {}
    for option, where in _spread(options):
        if option.type is Type.DYNAMIC and not isinstance(option, Const):
            comparisons.append(
                apply(compare.among, [value, option], Type.BOOL, takes_null=True, may_fail=True)
            )
            continue
        one, other = comparable(value, option, where)
        is_scalar = value.type is not Type.DYNAMIC or one is not value
        if is_scalar and isinstance(other, Const) and isinstance(other.value, str | int | float):
            # A set is looked up in one step, however many values it has.
            fixed.setdefault(one.type, (one, set()))[1].add(other.value)
        else:
            comparisons.append(equality("==", value, option, at))
    for one, members in fixed.values():
        known = Const(Type.DYNAMIC, False, frozenset(members))
        comparisons.append(apply(_is_in, [one, known], Type.BOOL, takes_null=True, template="({0} in {1})"))
    return junction("or", comparisons)


def _is_in(value: object, members: frozenset[object]) -> bool:
    return value in members


def _folded_in(value: Typed, options: Sequence[tuple[Typed, Span]], at: Span) -> Typed:
    if value.type not in {Type.STRING, Type.DYNAMIC}:
        raise undefined("in~", [value], at)
    text = cast(value, Type.STRING)
    comparisons: list[Typed] = []
    for option, where in _spread(options):
        if option.type is Type.DYNAMIC and not isinstance(option, Const):
            comparisons.append(apply(compare.among_folded, [text, option], Type.BOOL))
        else:
            comparisons.append(binary("=~", text, option, where))
    return junction("or", comparisons)
