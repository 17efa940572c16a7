"""Trouble with the disk of a spool: noted where it is met, and told by a sender."""

from pathlib import Path
from typing import Final

from dcrlog._clock import Clock
from dcrlog._report import Report

_SAY_SECONDS: Final = 60.0


class Trouble:
    """Remembers what is to be told: once until the disk works again, and once a minute at most.

    Args:
        home: The directory that `prepare` has returned.
        clock: What time is read from.
        report: Tells people.
    """

    def __init__(self, home: Path, clock: Clock, report: Report) -> None:
        self._home = home
        self._clock = clock
        self._report = report
        self._is_known = False
        self._untold: str | None = None
        self._say_at = float("-inf")

    def note(self, error: OSError, consequence: str) -> None:
        """Have an error told, in any thread: also one that logs, which tells nothing itself."""
        if not self._is_known:
            self._is_known = True
            self._untold = f"spool {self._home}: {error.strerror or error}; {consequence}"

    def end(self) -> None:
        """Say that the disk works: what it meets next is told again."""
        self._is_known = False

    def say(self) -> None:
        """Tell people what the disk met, if it did."""
        untold, now = self._untold, self._clock.monotonic()
        if untold is not None and now >= self._say_at:
            self._untold, self._say_at = None, now + _SAY_SECONDS
            self._report.say(untold, always=True)
