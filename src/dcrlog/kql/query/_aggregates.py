"""The table of aggregations: what each takes and gives."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.kql._table import Call, Evidence, Function, make_function
from dcrlog.kql._typed import Const, Typed, cast
from dcrlog.kql._types import NUMBERS, Type
from dcrlog.kql.query import _collecting as collecting
from dcrlog.kql.query import _states as states
from dcrlog.kql.query._states import Hold, State

PICKS: Final = {"take_any": None, "any": None, "arg_max": True, "arg_min": False}
"""Aggregations of whole rows; where one row is sought, whether it is that of the greatest value."""

PERCENTILES: Final = "percentiles"
"""The aggregation of a column for each percentile."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A call of an aggregation.

    Attributes:
        type: The type of what comes out.
        nullable: Whether it may be null.
        arguments: What it needs of each row.
        start: Begins one for a group.
    """

    type: Type
    nullable: bool
    arguments: Sequence[Typed]
    start: Callable[[Hold], State]


AGGREGATES: Final[dict[str, Function[Aggregation]]] = {}
"""Every aggregation of one value by name."""
PREFIXES: Final = {"make_list": "list", "make_list_if": "list", "make_set": "set", "make_set_if": "set"}
"""What stands before the name of the argument where it is not the name of the aggregation."""

_Bind = Callable[[Call], Aggregation]


def _aggregate(signature: str, evidence: Evidence = "documented", note: str = "") -> Callable[[_Bind], _Bind]:
    def register(bind: _Bind) -> _Bind:
        made = make_function(
            signature, bind, standing="unlisted", evidence=evidence, family="Aggregations", note=note
        )
        AGGREGATES[made.name] = made
        return bind

    return register


def _filtered(of: str, signature: str) -> None:
    """Register the variant that takes the rows for which its second argument is true."""

    def bind(call: Call) -> Aggregation:
        value, condition, *others = call.arguments
        spans = [call.spans[0], *call.spans[2:]]
        found = AGGREGATES[of].bind(Call(call.name, [value, *others], spans, call.at, call.warn))
        return Aggregation(
            found.type,
            found.nullable,
            [*found.arguments, condition],
            lambda hold: states.Filtered(found.start(hold)),
        )

    base = AGGREGATES[of]
    result = base.signature.rpartition(" -> ")[2]
    _aggregate(f"{signature} -> {result}", base.evidence, f"as {of}(), of the rows for which it is true")(
        bind
    )


@_aggregate("count() -> long")
def _count(_: Call) -> Aggregation:
    return Aggregation(Type.LONG, False, (), states.Count)


@_aggregate("countif(boolean) -> long")
def _countif(call: Call) -> Aggregation:
    return Aggregation(Type.LONG, False, call.arguments, lambda hold: states.Filtered(states.Count(hold)))


_SUMS: Final = {Type.REAL: states.sum_of_reals, Type.TIMESPAN: states.sum_of_timespans}


@_aggregate("sum(summable) -> any", note="a long for integers; 0 of nothing; null beyond 64 bits")
def _sum(call: Call) -> Aggregation:
    (value,) = call.arguments
    of = Type.LONG if value.type is Type.INT else value.type
    return Aggregation(of, of is not Type.REAL, [value], _SUMS.get(of, states.sum_of_longs))


@_aggregate("avg(averageable) -> any", note="NaN of no number; null of no timespan or datetime (unsure)")
def _avg(call: Call) -> Aggregation:
    (value,) = call.arguments
    if value.type in NUMBERS:
        return Aggregation(Type.REAL, False, [value], states.average_of_numbers)
    return Aggregation(value.type, True, [value], states.average_of_ticks)


def _extreme(choose: Callable[..., Any]) -> _Bind:
    def bind(call: Call) -> Aggregation:
        (value,) = call.arguments
        null = "" if value.type is Type.STRING else None
        return Aggregation(value.type, null is None, [value], lambda hold: states.Extreme(hold, choose, null))

    return bind


_aggregate("min(orderable) -> any", note="null of nothing, and empty for strings")(_extreme(min))
_aggregate("max(orderable) -> any", note="null of nothing, and empty for strings")(_extreme(max))


def identity_of(of: Type) -> Callable[[Any], Any] | None:
    """Return what makes values of a type such that Python's == tells them apart; None where it does."""
    return {Type.DYNAMIC: collecting.dynamic_identity, Type.REAL: collecting.real_identity}.get(of)


@_aggregate("dcount(any, long?) -> long", note="exact here, and an estimate in Azure; nulls do not count")
def _dcount(call: Call) -> Aggregation:
    identity = identity_of(call.arguments[0].type)
    return Aggregation(Type.LONG, False, call.arguments[:1], lambda hold: collecting.Distinct(hold, identity))


@_aggregate("count_distinct(any) -> long", note="nulls do not count")
def _count_distinct(call: Call) -> Aggregation:
    return _dcount(call)


def _elements(*, is_set: bool) -> _Bind:
    def bind(call: Call) -> Aggregation:
        value, *sizes = call.arguments
        size = collecting.MAX_ELEMENTS
        if sizes:
            if not isinstance(sizes[0], Const) or not sizes[0].value or sizes[0].value < 0:
                raise call.refuse("the most elements must be a number that is written there, above 0", 1)
            size = sizes[0].value
        packed = value if value.type is Type.STRING else cast(value, Type.DYNAMIC)
        return Aggregation(
            Type.DYNAMIC, False, [packed], lambda hold: collecting.Elements(hold, size, is_set=is_set)
        )

    return bind


_aggregate("make_list(any, long?) -> dynamic", note="without nulls, in the order of the rows")(
    _elements(is_set=False)
)
_aggregate(
    "make_set(any, long?) -> dynamic",
    note="as make_list(), each once; of arrays, their elements",
)(_elements(is_set=True))


@_aggregate(
    "percentile(averageable, number) -> any",
    note="by the nearest rank, exact here, and an estimate in Azure; null of nothing (unsure)",
)
def _percentile(call: Call) -> Aggregation:
    value, share = call.arguments
    if not isinstance(share, Const) or share.value is None or not 0 <= share.value <= 100:
        raise call.refuse("the percentile must be a number from 0 to 100 that is written there", 1)
    of = Type.LONG if value.type is Type.INT else value.type
    return Aggregation(of, True, [value], lambda hold: collecting.Percentile(hold, share.value))


def _spread(finish: Callable[[float], float]) -> _Bind:
    return lambda call: Aggregation(Type.REAL, False, call.arguments, lambda _: states.Spread(finish))


_aggregate("stdev(number) -> real", note="of a sample")(_spread(math.sqrt))
_aggregate("variance(number) -> real", note="of a sample")(_spread(lambda variance: variance))

for _name, _of, _kinds in (
    ("dcountif", "dcount", "any, boolean, long?"),
    ("count_distinctif", "count_distinct", "any, boolean"),
    ("sumif", "sum", "summable, boolean"),
    ("avgif", "avg", "averageable, boolean"),
    ("minif", "min", "orderable, boolean"),
    ("maxif", "max", "orderable, boolean"),
    ("make_list_if", "make_list", "any, boolean, long?"),
    ("make_set_if", "make_set", "any, boolean, long?"),
    ("stdevif", "stdev", "number, boolean"),
    ("varianceif", "variance", "number, boolean"),
):
    _filtered(_of, f"{_name}({_kinds})")


def first_of(value: Typed) -> Aggregation:
    """Return take_any() of one value."""
    null = "" if value.type is Type.STRING else None
    return Aggregation(value.type, null is None, [value], lambda hold: collecting.First(hold, null))


def pick_of(name: str, values: Sequence[Typed]) -> Callable[[Hold], State]:
    """Return what begins an aggregation of a whole row."""
    nulls = ["" if each.type is Type.STRING else None for each in values]
    is_better = {
        None: None,
        True: lambda one, other: one > other,
        False: lambda one, other: one < other,
    }[PICKS[name]]
    return lambda hold: collecting.Pick(hold, nulls, is_better)
