"""How much a rule takes in a minute."""

import math
import time
from collections.abc import Callable
from typing import Final

REQUESTS: Final = 12_000
BYTES: Final = 2 * 1024**3
SECONDS: Final = 60.0


class Window:
    """Counts what comes until its time has passed, and then anew.

    Args:
        requests: What it lets through.
        bytes: Bytes that it lets through.
        seconds: After how long it counts anew.
        clock: Tells seconds that only ever grow.
    """

    def __init__(
        self,
        *,
        requests: int = REQUESTS,
        bytes: int = BYTES,  # noqa: A002 - what the fault calls it too
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = (requests, bytes)
        self._seconds = seconds
        self._clock = clock
        self._opened = -math.inf
        self._requests = self._bytes = 0

    def admit(self, length: int) -> bool:
        """Count a request with a body of that length, unless it is one too many."""
        now = self._clock()
        if now >= self._opened + self._seconds:
            self._opened, self._requests, self._bytes = now, 0, 0
        requests, most_bytes = self._most
        if self._requests + 1 > requests or self._bytes + length > most_bytes:
            return False
        self._requests += 1
        self._bytes += length
        return True

    def add(self, length: int) -> None:
        """Count further bytes of a request that was let through."""
        self._bytes += length

    def retry_after(self) -> int:
        """Return the seconds, at least one, until it counts anew."""
        return max(1, math.ceil(self._opened + self._seconds - self._clock()))
