"""Counters of `Stats` that no queue keeps: what was made of records, and what was sent."""

import threading
from typing import Final

_NAMES: Final = (
    "misfits", "withheld", "truncated", "maybe_delivered", "requests", "sent_bytes", "dead_dropped",
)  # fmt: skip


class Counters:
    """Numbers by name, as `Stats` has them."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child, where nobody may keep us from a new lock."""
        # Re-entrant, for a signal handler that logs while its thread is counting.
        self._counting = threading.RLock()
        self._counts = dict.fromkeys(_NAMES, 0)

    def add(self, counter: str, number: int) -> None:
        """Add to a counter, from any thread and from within itself."""
        with self._counting:
            self._counts[counter] += number

    def read(self) -> dict[str, int]:
        """Return all of them as of one moment."""
        with self._counting:
            return dict(self._counts)
