"""Tell our own trouble on stderr, at most once a minute, and never through logging."""

import sys
from typing import Final

from dcrlog._clock import Clock
from dcrlog._retry import Answer, remedy

_PERIOD: Final = 60.0


class Report:
    """Prints a line when something is wrong, from sender threads only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: float | None = None
        self._held_for: tuple[int | None, str] | None = None

    def say(self, line: str, *, always: bool = False) -> None:
        """Print a line, unless one was printed less than a minute ago and this one can be missed."""
        now = self._clock.monotonic()
        if not always and self._last is not None and now - self._last < _PERIOD:
            return
        self._last = now
        stderr = sys.stderr
        if stderr is None:  # pythonw, some services
            return
        try:
            stderr.write(f"dcrlog: {line}\n")
        except Exception:  # closed, or redirected into something that fails
            return

    def say_held(self, answer: Answer) -> None:
        """Say what somebody has to put right, once until rows are taken again."""
        cause = (answer.status, answer.code)
        if cause != self._held_for:
            self._held_for = cause
            self.say(f"rows are held, and none is lost: {answer}. Remedy: {remedy(answer)}.", always=True)

    def note_success(self) -> None:
        """Let the next hold be told again."""
        self._held_for = None
