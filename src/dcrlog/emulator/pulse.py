"""How busy an emulator is: rows a second by table for the last minute, and whether anything has changed."""

import time
from collections import Counter, deque
from collections.abc import Callable
from secrets import token_hex
from typing import Final

SECONDS: Final = 60
"""How far back it remembers."""


class Pulse:
    """Counts rows by table and second.

    Args:
        clock: Tells seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=SECONDS)
        self.version = 0
        """Another number after every change."""
        self.epoch = token_hex(4)
        """Another text in each emulator and after each reset: rows are numbered anew then."""

    def touch(self) -> None:
        """Note that something has changed."""
        self.version += 1

    def count(self, table: str, rows: int) -> None:
        """Note that so many rows were stored."""
        second = int(self._clock())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][table] += rows
        self.touch()

    def is_moving(self) -> bool:
        """Tell whether rows were stored in the last minute."""
        return bool(self._seconds) and int(self._clock()) - self._seconds[-1][0] <= SECONDS

    def recent(self, table: str) -> list[int]:
        """Return rows in each of the last seconds, the present one last."""
        counts = [0] * SECONDS
        now = int(self._clock())
        for second, rows in list(self._seconds):
            if (age := now - second) < SECONDS:
                counts[SECONDS - 1 - age] = rows[table]
        return counts

    def reset(self) -> None:
        """Forget what was counted."""
        self._seconds.clear()
        self.epoch = token_hex(4)
        self.touch()
