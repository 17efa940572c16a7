"""One run of a query: what it reads, and what it may hold."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any, Final, TypeVar

from dcrlog.kql._types import Type
from dcrlog.kql.errors import QueryLimitError

Row = tuple[Any, ...]
Read = Callable[[str, Sequence[str]], Iterable[Sequence[Any]]]
"""Gives the rows of a table, each with the JSON values of the columns that are asked for."""

MAX_HELD: Final = 1 << 30
"""Bytes that rows, groups and elements may take, as many as a run holds at once."""
_CHUNK_BYTES: Final = 16 << 20
_STRIDE: Final = 16
_PLACE: Final = 64
"""Bytes that it takes to keep something in a set or a dictionary, and more than in a list."""

_Each = TypeVar("_Each")


def size_of(values: Iterable[Any]) -> int:
    """Return about how many bytes values take."""
    size = _PLACE
    for value in values:
        size += getsizeof(value)
        if value.__class__ is list:
            size += size_of(value)
        elif value.__class__ is dict:
            size += size_of(value) + size_of(value.values())
    return size


def chunks(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yield rows in parts of so many, or fewer where they are large."""
    found: list[Row] = []
    size = 0
    for row in rows:
        found.append(row)
        size += size_of(row)
        if len(found) >= most or size > _CHUNK_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


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

    def hold(self, size: int) -> None:
        """Count the bytes of what is held until the end of the run.

        Raises:
            QueryLimitError: It is too much.
        """
        self._held += size
        if self._held > MAX_HELD:
            raise QueryLimitError(
                f"The query holds more than {MAX_HELD} bytes of rows, groups and elements at once. "
                "Filter earlier, or group by less."
            )

    def held(self, rows: Iterable[Row]) -> list[Row]:
        """Return all rows."""
        found: list[Row] = []
        for row in rows:
            self.hold(size_of(row))
            found.append(row)
        return found

    def checked(self, items: Iterable[_Each]) -> Iterator[_Each]:
        """Yield items, and stop where the run has to."""
        for number, item in enumerate(items):
            if not number % _STRIDE:
                self.check()
            yield item


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
