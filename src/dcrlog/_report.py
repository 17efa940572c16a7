"""Tell our own trouble on stderr, at most once a minute, and never through logging."""

import sys
import threading
from typing import Final

from dcrlog._clock import Clock
from dcrlog._retry import Answer, remedy
from dcrlog.errors import printable

_PERIOD: Final = 60.0


class Report:
    """Prints a line when something is wrong: from senders, and when the process ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: float | None = None
        self._held_for: tuple[int | None, str] | None = None
        self._speaking: set[int] = set()

    def say(self, line: str, *, always: bool = False) -> None:
        """Print a line, unless one was printed less than a minute ago and this one can be missed."""
        now, ident = self._clock.monotonic(), threading.get_ident()
        # A stderr that logs makes a record, whose loss would be said here again.
        if ident in self._speaking:
            return
        if not always and self._last is not None and now - self._last < _PERIOD:
            return
        self._last = now
        stderr = sys.stderr
        if stderr is None:  # pythonw, some services
            return
        self._speaking.add(ident)
        try:
            # An answer may repeat what is in a row.
            stderr.write(f"dcrlog: {printable(line)}\n")
        except Exception:  # closed, or redirected into something that fails
            return
        finally:
            self._speaking.discard(ident)

    def say_held(self, answer: Answer) -> None:
        """Say what somebody has to put right, once until rows are taken again."""
        cause = (answer.status, answer.code)
        if cause != self._held_for:
            self._held_for = cause
            self.say(f"rows are held, and none is lost: {answer}. Remedy: {remedy(answer)}.", always=True)

    def note_success(self) -> None:
        """Let the next hold be told again."""
        self._held_for = None
