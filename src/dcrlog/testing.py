"""For tests of code that logs: senders that need no service, a clock that stands still, a fixture.

pytest loads this module as a plugin in every run, with or without a test of dcrlog. It imports msgspec only
when rows are read, and the emulator only when a test asks for the fixture. Without pytest it has no fixture.
"""

import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dcrlog._clock import Signal
from dcrlog._retry import Answer

with suppress(ModuleNotFoundError):  # without pytest, there is nobody to ask for a fixture
    from dcrlog._fixtures import (
        _logs_ingestion_server,  # noqa: F401 - pytest looks for it in this module
        logs_ingestion_emulator,
        logs_ingestion_rule,
    )

if TYPE_CHECKING:
    from dcrlog._tested import LogsIngestionEmulator

__all__ = [
    "Answer",
    "LogsIngestionEmulator",
    "ManualClock",
    "RecordingSender",
    "ScriptedSender",
    "SkippingClock",
    "logs_ingestion_emulator",
    "logs_ingestion_rule",
]

_WATCHDOG_SECONDS: Final = 30.0


class RecordingSender:
    """A sender that takes everything and keeps it.

    Attributes:
        bodies: The decompressed bodies, in the order in which they came.
        request_ids: The request ids of all attempts.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.request_ids: list[str] = []
        self._attempted = threading.Condition()

    def send(self, body: bytes, *, request_id: str, timeout: float) -> Answer:
        """Keep the body and answer 204."""
        with self._attempted:
            answer = self.answer(request_id, timeout)
            if answer.status == 204:
                self.bodies.append(zlib.decompress(body, wbits=31))
            return answer

    def answer(self, request_id: str, timeout: float) -> Answer:  # noqa: ARG002
        """Count the attempt and decide what it meets."""
        self.request_ids.append(request_id)
        self._attempted.notify_all()
        return Answer(status=204, request_id=request_id)

    def wait_for_attempts(self, count: int) -> None:
        """Wait until so many requests were made.

        Raises:
            TimeoutError: They were not made within 30 real seconds.
        """
        with self._attempted:
            if not self._attempted.wait_for(lambda: len(self.request_ids) >= count, _WATCHDOG_SECONDS):
                raise TimeoutError(f"{len(self.request_ids)} of {count} requests were made")

    def close(self) -> None:
        """Do nothing."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, in the order in which they came."""
        import msgspec

        return [row for body in self.bodies for row in msgspec.json.decode(body)]


class ScriptedSender(RecordingSender):
    """A sender that gives the answers of a script, one a request, and 204 when the script has ended.

    Args:
        script: An `Answer`, an HTTP status, or an exception to raise, for each request.
    """

    def __init__(self, script: Iterable[Answer | int | Exception]) -> None:
        super().__init__()
        self._script = iter(script)

    def answer(self, request_id: str, timeout: float) -> Answer:
        """Count the attempt and take the next line of the script."""
        default = super().answer(request_id, timeout)
        scripted = next(self._script, 204)
        if isinstance(scripted, Exception):
            raise scripted
        if isinstance(scripted, Answer):
            return scripted
        return default if scripted == 204 else Answer(status=scripted, request_id=request_id)


class _StandingClock:
    """Time that passes only as far as somebody says so."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._elapsed = 0.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._elapsed


class ManualClock(_StandingClock):
    """A clock that moves only when told to.

    A wait on it ends when its signal is set or when `advance` has moved past its end.

    Args:
        start: Seconds since the epoch that it shows at first.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        super().__init__(start)
        self._waits: dict[Signal, float] = {}
        self._changed = threading.Condition()

    def wait(self, signal: Signal, timeout: float | None) -> bool:
        """Wait for the signal, or for `advance` to pass the end.

        Raises:
            TimeoutError: Nothing happened for 30 real seconds: the test has forgotten this wait.
        """
        end = float("inf") if timeout is None else self._elapsed + timeout
        if end <= self._elapsed:
            return signal.wait(0)
        with self._changed:
            self._waits[signal] = end
            self._changed.notify_all()
        try:
            if not signal.wait(_WATCHDOG_SECONDS):
                raise TimeoutError(f"nobody ended a wait of {timeout} seconds on a ManualClock")
            return self._elapsed < end
        finally:
            with self._changed:
                self._waits.pop(signal, None)
                self._changed.notify_all()

    def advance(self, seconds: float) -> None:
        """Move the clock, and end the waits whose time has come."""
        with self._changed:
            self._elapsed += seconds
            for signal, end in self._waits.items():
                if end <= self._elapsed:
                    signal.set()

    def wait_for_waiter(self, least: float = 0.0, *, count: int = 1) -> float:
        """Wait, in real time, until so many threads wait for at least so many seconds each.

        Returns:
            The longest of the waits, in seconds.

        Raises:
            TimeoutError: Nobody did for 30 real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._left(least)) >= count, _WATCHDOG_SECONDS):
                raise TimeoutError(f"no {count} threads wait for {least} seconds or more")
            return max(self._left(least))

    def _left(self, least: float) -> list[float]:
        left = [end - self._elapsed for end in self._waits.values()]
        return [seconds for seconds in left if seconds >= least]


class SkippingClock(_StandingClock):
    """A clock whose waits take no time: each moves it to the wait's end. For one thread.

    Args:
        start: Seconds since the epoch that it shows at first.
    """

    def wait(self, signal: Signal, timeout: float | None) -> bool:
        """Return at once: whether the signal is set, else with the clock moved.

        Raises:
            TimeoutError: The wait has no end.
        """
        if signal.wait(0):
            return True
        if timeout is None:
            raise TimeoutError("a wait without an end on a SkippingClock")
        self._elapsed += max(0.0, timeout)
        return False


def __getattr__(name: str) -> Any:
    # For annotations; whoever has it imported by pytest's plugin alone needs no extra.
    if name == "LogsIngestionEmulator":
        from dcrlog._tested import LogsIngestionEmulator

        return LogsIngestionEmulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
