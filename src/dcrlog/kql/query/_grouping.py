"""Rows by group, and what is known of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.kql._types import Type
from dcrlog.kql.query._aggregates import identity_of
from dcrlog.kql.query._run import Row, Run, chunks, size_of
from dcrlog.kql.query._segment import Rows
from dcrlog.kql.query._states import Hold, State

_CHUNK: Final = 16_384
_STATE: Final = 256
"""Bytes that an aggregation takes before it keeps a value."""


@dataclass(frozen=True, slots=True)
class Part:
    """An aggregation, and where its arguments stand in a row."""

    start: Callable[[Hold], State]
    begin: int
    end: int


def grouped(source: Rows, width: int, parts: Sequence[Part]) -> Rows:
    """Yield a row for each group: the values that it has in common, and what the aggregations give."""

    def rows(run: Run) -> Iterator[Row]:
        groups: dict[Row, list[State]] = {}
        if not width:
            groups[()] = [part.start(run.hold) for part in parts]
        for chunk in chunks(source(run), _CHUNK):
            for key, members in run.checked(_by_key(chunk, width).items()):
                states = groups.get(key)
                if states is None:
                    run.hold(size_of(key) + _STATE * len(parts))
                    states = groups[key] = [part.start(run.hold) for part in parts]
                columns = list(zip(*members, strict=True))
                for part, state in zip(parts, states, strict=True):
                    state.add(len(members), *columns[part.begin : part.end])
        for key, states in groups.items():
            yield (*key, *(value for state in states for value in state.results()))

    return rows


def _by_key(rows: list[Row], width: int) -> dict[Row, list[Row]]:
    found: dict[Row, list[Row]] = {}
    for row in rows:
        found.setdefault(row[:width], []).append(row)
    return found


def distinct_rows(source: Rows, types: Sequence[Type]) -> Rows:
    """Yield each row once, in the order in which they come first."""
    identities = [(place, identity_of(of)) for place, of in enumerate(types)]
    changed = [(place, identity) for place, identity in identities if identity is not None]

    def identity(row: Row) -> Any:
        cells = list(row)
        for place, identify in changed:
            cells[place] = identify(cells[place])
        return tuple(cells)

    def rows(run: Run) -> Iterator[Row]:
        seen: set[Any] = set()
        for row in source(run):
            known = identity(row) if changed else row
            if known not in seen:
                run.hold(size_of(known))
                seen.add(known)
                yield row

    return rows


def counted(source: Rows) -> Rows:
    """Yield how many rows there are."""

    def rows(run: Run) -> Iterator[Row]:
        yield (sum(1 for _ in source(run)),)

    return rows
