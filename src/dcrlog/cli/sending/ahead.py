"""What was read and is not settled yet, in the order of the input."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dcrlog.cli.sending.checkpoint import Position
from dcrlog.cli.sending.rejects import Place

_BEGIN: Final = Position()
_MOST_PIECES: Final = 256
_MOST_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class Stretch:
    """Consecutive pieces of one input, which are settled together.

    Attributes:
        file: The input's name.
        word: What its pieces are called.
        first_seq: The `Seq`, in the pipeline, of the first row that is made of them.
        numbers: For each row, that of its piece.
        pieces: How many pieces.
        size: Bytes of their rows, or of themselves.
        end: Behind the last of them.
    """

    file: str
    word: str
    first_seq: int
    numbers: list[int] = field(default_factory=list)
    pieces: int = 0
    size: int = 0
    end: Position = _BEGIN

    @property
    def next_seq(self) -> int:
        """The `Seq` of the first row behind it."""
        return self.first_seq + len(self.numbers)

    @property
    def is_full(self) -> bool:
        """Whether the next piece belongs to another: all of it waits for the last of its rows."""
        return self.pieces >= _MOST_PIECES or self.size >= _MOST_BYTES


class Ahead:
    """Follows the pieces of the inputs until they are settled.

    Attributes:
        size: Bytes of the rows, or of the pieces themselves, that are not settled yet.
    """

    def __init__(self) -> None:
        self._closed: deque[Stretch] = deque()
        self._open = Stretch("", "", 1)
        self.size = 0

    def begin(self, file: str, word: str) -> None:
        """Begin with an input; what was added of the one before is closed."""
        self._open = Stretch(file, word, self._open.next_seq)

    def add(self, number: int, size: int, *, is_row: bool) -> bool:
        """Add the next piece; return whether it is time to call `close`."""
        stretch = self._open
        if is_row:
            stretch.numbers.append(number)
        stretch.pieces += 1
        stretch.size += size
        self.size += size
        return stretch.is_full

    def close(self, end: Position) -> None:
        """Say where the input is behind the last piece, so that it may be settled up to there."""
        stretch = self._open
        stretch.end = end
        self._closed.append(stretch)
        self._open = Stretch(stretch.file, stretch.word, stretch.next_seq)

    def count_settled(self, is_settled: Callable[[int], bool]) -> int:
        """Return how many stretches are settled, up to the first that is not."""
        for count, stretch in enumerate(self._closed):
            if not is_settled(stretch.next_seq - 1):
                return count
        return len(self._closed)

    def let_go(self, count: int) -> Position | None:
        """Forget so many stretches; return the end of the last."""
        end = None
        for _ in range(count):
            stretch = self._closed.popleft()
            self.size -= stretch.size
            end = stretch.end
        return end

    def place(self, number: int) -> Place:
        """Return where the next piece stands."""
        return Place(self._open.file, self._open.word, number)

    def place_of(self, seq: int) -> Place:
        """Return where the piece stands of which this row was made, that is not settled yet."""
        stretch = next(each for each in (*self._closed, self._open) if seq < each.next_seq)
        return Place(stretch.file, stretch.word, stretch.numbers[seq - stretch.first_seq])
