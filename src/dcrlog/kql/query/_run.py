"""One run of a query: what it reads, and what it may hold."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dcrlog.kql._types import Type
from dcrlog.kql.errors import QueryLimitError

Row = tuple[Any, ...]
Read = Callable[[str, Sequence[str]], Iterable[Sequence[Any]]]
"""Gives the rows of a table, each with the JSON values of the columns that are asked for."""

MAX_HELD: Final = 4_000_000
"""Rows, groups and elements that a run may hold at once: about a gigabyte."""
_STRIDE: Final = 64


@dataclass(slots=True)
class Run:
    """What a run has.

    Attributes:
        now: What now() says, in ticks.
        read: Gives the rows of tables.
        check: Is called now and then, and raises to stop the run.
        values: What stands for the tables that are read for one value.
    """

    now: int
    read: Read
    check: Callable[[], None]
    values: "Values" = field(init=False)
    _held: int = 0

    def hold(self, count: int) -> None:
        """Count what is held until the end of the run.

        Raises:
            QueryLimitError: It is too much.
        """
        self._held += count
        if self._held > MAX_HELD:
            raise QueryLimitError(
                f"The query holds more than {MAX_HELD} rows, groups and elements at once. "
                "Filter earlier, or group by less."
            )

    def held(self, rows: Iterable[Row]) -> list[Row]:
        """Return all rows."""
        found: list[Row] = []
        for row in rows:
            self.hold(1)
            found.append(row)
        return found

    def checked(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Yield rows, and stop where the run has to."""
        for number, row in enumerate(rows):
            if not number % _STRIDE:
                self.check()
            yield row


class Values:
    """Values that are computed when they are first asked for.

    Args:
        compute: Computes each of them.
        run: The run.
    """

    def __init__(self, compute: Sequence[Callable[[Run], Any]], run: Run) -> None:
        self._compute = compute
        self._run = run
        self._known: dict[int, Any] = {}

    def __getitem__(self, number: int) -> Any:
        if number not in self._known:
            self._known[number] = self._compute[number](self._run)
        return self._known[number]


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that a run can have.

    Attributes:
        columns: The type of each value of a row, by name.
        rows: Yields the rows.
        depth: How many loops are in each other.
        table: The table whose rows are to be read; then `rows` is not used.
    """

    columns: Mapping[str, Type]
    rows: Callable[[Run], Iterator[Row]]
    depth: int = 0
    table: str | None = None
