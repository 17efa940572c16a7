"""Aggregations that keep values, or rows, of a group."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from dcrlog.kql._dynamic import to_json
from dcrlog.kql.query._run import size_of
from dcrlog.kql.query._states import Hold, Values

MAX_ELEMENTS: Final = 1_048_576
"""Elements of an array that an aggregation makes."""


class Distinct:
    """The values that occur, as what tells them apart: for dcount()."""

    def __init__(self, hold: Hold, identity: Callable[[Any], Any] | None) -> None:
        self._hold = hold
        self._identity = identity
        self._seen: set[Any] = set()

    def add(self, _: int, values: Values, *_rest: Values) -> None:
        """Take rows."""
        known = values if self._identity is None else map(self._identity, values)
        fresh = {*known} - self._seen - {None}
        self._hold(size_of(fresh))
        self._seen |= fresh

    def results(self) -> Sequence[Any]:
        """Return how many there are."""
        return (len(self._seen),)


def dynamic_identity(value: Any) -> str | None:
    """Return what tells dynamic values apart."""
    return None if value is None else to_json(value)


def real_identity(value: float | None) -> Any:
    """Return what tells reals apart: every NaN is the same."""
    return value if value == value else "NaN"  # noqa: PLR0124 - NaN is not itself


class Elements:
    """make_list() and make_set(): values that are not null, in the order in which they come."""

    def __init__(self, hold: Hold, size: int, *, is_set: bool) -> None:
        self._hold = hold
        self._size = min(size, MAX_ELEMENTS)
        self._seen: set[str] | None = set() if is_set else None
        self._elements: list[Any] = []

    def add(self, _: int, values: Values, *_rest: Values) -> None:
        """Take rows."""
        before = len(self._elements)
        for value in values:
            if len(self._elements) >= self._size:
                break
            if self._seen is None:
                if value is not None:
                    self._elements.append(value)
            else:
                # The set of arrays is that of their elements.
                self._take_new(value if value.__class__ is list else [value], self._seen)
        # An answer has the array as text, in text.
        self._hold(4 * size_of(self._elements[before:]))

    def _take_new(self, values: list[Any], seen: set[str]) -> None:
        for value in values:
            identity = dynamic_identity(value)
            if identity is not None and identity not in seen and len(self._elements) < self._size:
                seen.add(identity)
                self._elements.append(value)

    def results(self) -> Sequence[Any]:
        """Return the array."""
        return (self._elements,)


class Percentile:
    """percentile(): the value below which, or at which, a share of them lies."""

    def __init__(self, hold: Hold, share: float) -> None:
        self._hold = hold
        self._share = share
        self._values: list[Any] = []

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        # NaN is not itself.
        known = [value for value in values if value is not None and value == value]  # noqa: PLR0124
        self._hold(size_of(known))
        self._values += known

    def results(self) -> Sequence[Any]:
        """Return the value of the nearest rank."""
        if not self._values:
            return (None,)
        # A share such as 99.9 is no binary number.
        rank = math.ceil(round(self._share * len(self._values) / 100, 6))
        return (sorted(self._values)[max(rank, 1) - 1],)


class First:
    """take_any() of one value: the first that is neither null nor empty."""

    def __init__(self, hold: Hold, null: Any) -> None:
        self._hold = hold
        self._value = null

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        if self._value in (None, ""):
            before = size_of((self._value,))
            self._value = next((value for value in values if value not in (None, "")), self._value)
            self._hold(size_of((self._value,)) - before)

    def results(self) -> Sequence[Any]:
        """Return the value."""
        return (self._value,)


class Pick:
    """take_any(), arg_min() and arg_max() of several values: those of one row.

    Args:
        hold: Counts what is kept.
        nulls: What there is of no row.
        is_better: Tells whether a first value is better than another; None where the first row is taken.
    """

    def __init__(self, hold: Hold, nulls: Values, is_better: Callable[[Any, Any], bool] | None) -> None:
        self._hold = hold
        self._row = tuple(nulls)
        self._is_better = is_better
        self._has_row = False

    def add(self, _: int, *columns: Values) -> None:
        """Take rows."""
        if self._has_row and self._is_better is None:
            return
        before = size_of(self._row)
        self._choose(columns)
        self._hold(size_of(self._row) - before)

    def _choose(self, columns: Sequence[Values]) -> None:
        place = 0
        if not self._has_row and columns[0]:
            self._take(columns, 0)
            place = 1
        if self._is_better is None:
            return
        for number, value in zip(range(place, len(columns[0])), columns[0][place:], strict=False):
            best = self._row[0]
            # NaN is not itself.
            if value is not None and (best is None or self._is_better(value, best) or best != best):  # noqa: PLR0124
                self._take(columns, number)

    def _take(self, columns: Sequence[Values], number: int) -> None:
        self._row = tuple(each[number] for each in columns)
        self._has_row = True

    def results(self) -> Sequence[Any]:
        """Return the values of the row."""
        return self._row
