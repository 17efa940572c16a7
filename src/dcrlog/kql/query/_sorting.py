"""The order of rows."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from dcrlog.kql.query._run import Row, Run, chunks, size_of

_LEAST_BUFFER: Final = 4096
_MOST_BUFFER: Final = 65_536


class Place(NamedTuple):
    """A value of a row by which to sort.

    Attributes:
        number: Where it stands in the row.
        descends: Whether the greatest comes first.
        nulls_first: Whether nulls, and what is no number, come before all else.
    """

    number: int
    descends: bool
    nulls_first: bool


def in_order(rows: Sequence[Row], places: Sequence[Place]) -> list[Row]:
    """Return rows in order; those that are alike stay in theirs."""
    found = list(rows)
    for place in reversed(places):
        nulls: list[Row] = []
        no_numbers: list[Row] = []
        others: list[Row] = []
        for row in found:
            value: Any = row[place.number]
            if value is None:
                nulls.append(row)
            elif value != value:  # noqa: PLR0124 - NaN is not itself
                no_numbers.append(row)
            else:
                others.append(row)
        others.sort(key=itemgetter(place.number), reverse=place.descends)
        found = [*nulls, *no_numbers, *others] if place.nulls_first else [*others, *no_numbers, *nulls]
    return found


def sorted_rows(rows: Iterator[Row], places: Sequence[Place], width: int, run: Run) -> Iterator[Row]:
    """Yield the first values of rows in order."""
    for row in in_order(run.held(rows), places):
        yield row[:width]


def top_rows(rows: Iterator[Row], count: int, places: Sequence[Place], width: int, run: Run) -> Iterator[Row]:
    """Yield the first values of the first rows of an order, without holding many more."""
    kept: list[Row] = []
    size = min(max(count, _LEAST_BUFFER), _MOST_BUFFER)
    held = 0
    for chunk in chunks(rows, size):
        kept = in_order([*kept, *chunk], places)[:count]
        now_held = sum(map(size_of, kept))
        run.hold(now_held - held)
        held = now_held
    for row in kept:
        yield row[:width]
