"""Time and waiting, as an argument: the real clock, and the signal that every wait can be ended by."""

import threading
import time
from typing import Protocol


class Signal:
    """A wake-up for one waiter; setting it is safe from signal handlers and from `__del__`.

    `threading.Event.set` takes a lock that is not re-entrant, so a signal handler that logs while the
    main thread is inside `set` or `wait` would deadlock. Releasing a raw lock is one atomic step.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the next, or the present, `wait` return. Setting it twice is setting it once."""
        try:
            self._lock.release()
        except RuntimeError:
            return

    def wait(self, timeout: float | None) -> bool:
        """Wait until set, for at most `timeout` seconds; return whether it was set, and unset it."""
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class Clock(Protocol):
    """What the pipeline asks of time. `dcrlog.testing` has two that stand still."""

    def time(self) -> float:
        """Return seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds on a scale that never goes back."""

    def wait(self, signal: Signal, timeout: float | None) -> bool:
        """Wait for the signal, for at most `timeout` seconds of this clock."""


class SystemClock:
    """The real clock."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a scale that never goes back."""
        return time.monotonic()

    def wait(self, signal: Signal, timeout: float | None) -> bool:
        """Wait for the signal, for at most `timeout` seconds."""
        return signal.wait(timeout)
