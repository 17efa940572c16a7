"""The table of functions: what each takes and gives, and what is known of it.

A signature reads as in the documentation: `substring(string, long, long?) -> string`. Kinds of parameters
are the types, `text` (anything, written out), `number` (int, long or real), `any`, and `const` (a string that
is written in the transformation). `?` marks an optional one, `*` and `+` any number of them; behind the
arrow, `?` marks a result that may be null though no argument is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from dcrlog.kql._typed import Const, Typed, apply, cast
from dcrlog.kql._types import INTEGERS, NUMBERS, Type, kql_name
from dcrlog.kql.errors import MistakeError, Span

Standing = Literal["listed", "taken", "refused", "unlisted"]
"""On Azure's list; taken all the same, or refused, as people have seen; or just not on the list."""

Evidence = Literal["documented", "field", "unsure"]
"""Where the semantics come from: Microsoft's documentation, people's reports, or neither."""

_Made = TypeVar("_Made")

_SIGNATURE: Final = re.compile(r"(\w+)\((.*)\)(?: -> (\w+)(\?)?)?")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call."""

    value: Typed
    at: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose arguments have been checked and converted.

    Attributes:
        name: The function, as it was called.
        arguments: The arguments.
        spans: Where they stand.
        at: Where the call stands.
        warn: Adds a warning to the transformation.
    """

    name: str
    arguments: Sequence[Typed]
    spans: Sequence[Span]
    at: Span
    warn: Callable[[str, Span], None]

    def refuse(self, reason: str, number: int | None = None) -> MistakeError:
        """Return a mistake in this call, or in one of its arguments."""
        return MistakeError(f"{self.name}(): {reason}", self.at if number is None else self.spans[number])


@dataclass(frozen=True, slots=True)
class Function(Generic[_Made]):
    """A function of the language.

    Attributes:
        name: Its name.
        signature: As in the documentation.
        kinds: The kind of each parameter.
        least: How many arguments it needs.
        most: How many it takes; None for any number.
        bind: Makes of a call what it stands for: a typed expression, or an aggregation.
        standing: What Azure does with it in a transformation.
        evidence: Where its semantics come from.
        family: The group under which the documentation lists it.
        note: What differs, or what one has to know.
    """

    name: str
    signature: str
    kinds: tuple[str, ...]
    least: int
    most: int | None
    bind: Callable[[Call], _Made]
    standing: Standing
    evidence: Evidence
    family: str
    note: str

    def call(
        self, name: str, arguments: Sequence[Argument], at: Span, warn: Callable[[str, Span], None]
    ) -> _Made:
        """Check and convert the arguments, and bind the call.

        Raises:
            MistakeError: There are too many arguments or too few, or one of a type that it does not take.
        """
        self._check_count(name, len(arguments), at)
        converted = [
            _accept(name, self.kinds[min(number, len(self.kinds) - 1)], argument)
            for number, argument in enumerate(arguments)
        ]
        return self.bind(Call(name, converted, [each.at for each in arguments], at, warn))

    def _check_count(self, name: str, count: int, at: Span) -> None:
        if count >= self.least and (self.most is None or count <= self.most):
            return
        if self.most is None:
            wanted = f"at least {self.least} arguments"
        elif self.least == self.most:
            wanted = f"{self.least} argument{'s' if self.least != 1 else ''}"
        else:
            wanted = f"between {self.least} and {self.most} arguments"
        raise MistakeError(f"The function '{name}' expects {wanted}, and got {count}.", at)


_CAST: Final = {
    "text": (Type.STRING, frozenset(Type)),
    "string": (Type.STRING, frozenset({Type.STRING, Type.DYNAMIC})),
    "real": (Type.REAL, NUMBERS | {Type.STRING, Type.DYNAMIC}),
}
"""To what an argument of a kind is converted, and from what."""
_TAKEN: Final = {
    "long": INTEGERS,
    "number": NUMBERS,
    "summable": NUMBERS | {Type.TIMESPAN},
    "averageable": NUMBERS | {Type.TIMESPAN, Type.DATETIME},
    "orderable": frozenset(Type) - {Type.DYNAMIC},
}
"""Types that a kind takes as they are."""

_WANTED: Final = {
    "string": "The expression must have one of the types: string or dynamic",
    "long": "The expression value must be an integer",
    "number": "The expression value must be a number",
    "real": "The expression value must be a number",
    "summable": "The expression value must be a number or a timespan",
    "averageable": "The expression value must be a number, a timespan or a datetime",
    "orderable": "The expression must have an order; cast it, as with tostring()",
}

FUNCTIONS: Final[dict[str, Function[Typed]]] = {}
"""Every function by name."""


def function(
    signature: str,
    *,
    family: str,
    standing: Standing = "listed",
    evidence: Evidence = "documented",
    note: str = "",
) -> Callable[[Callable[[Call], Typed]], Callable[[Call], Typed]]:
    """Register a function that makes its typed expression itself."""

    def register(bind: Callable[[Call], Typed]) -> Callable[[Call], Typed]:
        made = make_function(signature, bind, standing=standing, evidence=evidence, family=family, note=note)
        FUNCTIONS[made.name] = made
        return bind

    return register


def make_function(
    signature: str,
    bind: Callable[[Call], _Made],
    *,
    standing: Standing,
    evidence: Evidence,
    family: str,
    note: str,
) -> Function[_Made]:
    """Return the function of a signature."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        raise ValueError(signature)
    listed = found[2].split(", ") if found[2] else []
    kinds = tuple(each.rstrip("?*+") for each in listed)
    least = sum(not each.endswith(("?", "*")) for each in listed)
    most = None if signature.count("*") + signature.count("+") else len(listed)
    return Function(found[1], signature, kinds, least, most, bind, standing, evidence, family, note)


def plain(
    signature: str,
    *,
    family: str,
    standing: Standing = "listed",
    evidence: Evidence = "documented",
    note: str = "",
    template: str | None = None,
    takes_null: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function that computes its value from those of its arguments, none of which is null."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None or not found[3]:
        raise ValueError(signature)
    result, may_fail = Type(found[3]), bool(found[4])

    def register(compute: Callable[..., Any]) -> Callable[..., Any]:
        def bind(call: Call) -> Typed:
            return apply(
                compute, call.arguments, result, may_fail=may_fail, template=template, takes_null=takes_null
            )

        function(signature, family=family, standing=standing, evidence=evidence, note=note)(bind)
        return compute

    return register


def _accept(name: str, kind: str, argument: Argument) -> Typed:
    value = argument.value
    of = value.type
    if kind == "const":
        if not isinstance(value, Const) or of is not Type.STRING:
            raise MistakeError(f"{name}(): The expression must be a literal.", argument.at)
        return value
    if kind in _CAST and of in _CAST[kind][1]:
        return cast(value, _CAST[kind][0])
    if kind in {"any", of.value} or (kind in _TAKEN and of in _TAKEN[kind]):
        return value
    raise MistakeError(f"{name}(): {_wanted(kind)}, got {kql_name(of)}.", argument.at)


def _wanted(kind: str) -> str:
    return _WANTED.get(kind) or f"A value of type {kql_name(Type(kind))} expected"


def common_type(types: Sequence[Type]) -> Type | None:
    """Return the type to which values of these types can be brought, or None."""
    found = set(types)
    if len(found) == 1:
        return types[0]
    if found <= NUMBERS:
        return Type.REAL if Type.REAL in found else Type.LONG
    # Microsoft's language service converts the dynamic one.
    if len(found) == 2 and Type.DYNAMIC in found:
        (other,) = found - {Type.DYNAMIC}
        return other
    return None
