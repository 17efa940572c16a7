"""How a signal ends `dcrlog send`."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Ended(Exception):  # noqa: N818 - nothing went wrong
    """Nothing more is to be read: a signal came, or the service takes nothing."""


class Stop:
    """Says whether a signal has asked for an end.

    Attributes:
        number: The signal; None where none came.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._is_waiting = False

    def __bool__(self) -> bool:
        return self.number is not None

    def set(self, number: int) -> None:
        """Ask for an end; called by a signal's handler.

        Raises:
            Ended: Input is waited for. Python would go on waiting behind a handler that returns.
        """
        self.number = number
        if self._is_waiting:
            raise Ended

    def wait_for(self, read: Callable[[], T]) -> T:
        """Call what may wait for input, for as long as no signal comes.

        Raises:
            Ended: A signal has come.
        """
        self._is_waiting = True
        try:
            if self:
                raise Ended
            return read()
        finally:
            self._is_waiting = False


@contextmanager
def caught_signals() -> Iterator[Stop]:
    """Yield what says that SIGINT or SIGTERM has asked for an end; a second one ends the process at once."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}

    def note(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        stop.set(number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell lets what it runs in the background ignore Ctrl-C.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
