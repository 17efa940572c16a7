"""What an aggregation knows of a group while its rows come by."""

import math
from collections.abc import Callable, Sequence
from itertools import compress
from sys import getsizeof
from typing import Any, Protocol

from dcrlog.kql._casts import to_long
from dcrlog.kql._ticks import in_timespan

Values = Sequence[Any]
Hold = Callable[[int], None]


class State(Protocol):
    """An aggregation of one group."""

    @property
    def add(self) -> Callable[..., None]:
        """What takes rows: how many, and the values of each argument."""

    def results(self) -> Sequence[Any]:
        """Return the values that come out."""


class Filtered:
    """An aggregation of those rows for which its last argument is true."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, _: int, *columns: Values) -> None:
        """Take rows."""
        *others, condition = columns
        size = sum(map(bool, condition))
        self._state.add(size, *(tuple(compress(each, condition)) for each in others))

    def results(self) -> Sequence[Any]:
        """Return the values that come out."""
        return self._state.results()


class Count:
    """count()."""

    def __init__(self, _: Hold) -> None:
        self._count = 0

    def add(self, size: int) -> None:
        """Take rows."""
        self._count += size

    def results(self) -> Sequence[Any]:
        """Return the number."""
        return (self._count,)


class Sum:
    """sum(): 0 of no value, and null beyond 64 bits."""

    def __init__(self, start: float, fit: Callable[[Any], Any]) -> None:
        self._total = start
        self._fit = fit

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        self._total = sum([value for value in values if value is not None], self._total)

    def results(self) -> Sequence[Any]:
        """Return the sum."""
        return (self._fit(self._total),)


def sum_of_reals(_: Hold) -> State:
    """Begin a sum of reals."""
    return Sum(0.0, lambda total: total)


def sum_of_longs(_: Hold) -> State:
    """Begin a sum of integers."""
    return Sum(0, to_long)


def sum_of_timespans(_: Hold) -> State:
    """Begin a sum of timespans."""
    return Sum(0, in_timespan)


class Average:
    """avg(): of the values that are not null."""

    def __init__(self, divide: Callable[[Any, int], Any], of_nothing: float | None) -> None:
        self._divide = divide
        self._of_nothing = of_nothing
        self._total: float = 0
        self._count = 0

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        known = [value for value in values if value is not None]
        self._total = sum(known, self._total)
        self._count += len(known)

    def results(self) -> Sequence[Any]:
        """Return the average."""
        return (self._divide(self._total, self._count) if self._count else self._of_nothing,)


def average_of_numbers(_: Hold) -> State:
    """Begin an average that is a real; that of no value is no number."""
    return Average(lambda total, count: total / count, math.nan)


def average_of_ticks(_: Hold) -> State:
    """Begin an average of times."""
    return Average(lambda total, count: total // count, None)


class Extreme:
    """min() and max(): NaN counts only where there is no number.

    Args:
        hold: Counts what is kept.
        choose: Chooses among values.
        null: What there is of no value.
    """

    def __init__(self, hold: Hold, choose: Callable[..., Any], null: Any) -> None:
        self._hold = hold
        self._choose = choose
        self._null = null
        self._best: Any = None

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        known = [value for value in (self._best, *values) if value is not None]
        numbers = [value for value in known if value == value]  # noqa: PLR0124 - NaN is not itself
        before = getsizeof(self._best)
        self._best = self._choose(numbers or known, default=None)
        self._hold(getsizeof(self._best) - before)

    def results(self) -> Sequence[Any]:
        """Return the value."""
        return (self._null if self._best is None else self._best,)


class Spread:
    """variance() and stdev(), of a sample; 0 of fewer than two values."""

    def __init__(self, finish: Callable[[float], float]) -> None:
        self._finish = finish
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, _: int, values: Values) -> None:
        """Take rows."""
        for value in values:
            if value is not None:
                self._count += 1
                before = value - self._mean
                self._mean += before / self._count
                self._squares += before * (value - self._mean)

    def results(self) -> Sequence[Any]:
        """Return the value."""
        return (self._finish(self._squares / (self._count - 1)) if self._count > 1 else 0.0,)
