"""The faults on order: which request each of them hits.

Requests are matched on the event loop alone, so that the third request is the third one. Faults are added,
removed and waited for from any thread.
"""

import gzip
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from dcrlog.emulator.fault import Fault
from dcrlog.emulator.window import BYTES, REQUESTS, SECONDS, Window


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a fault may look at.

    Attributes:
        kind: What was asked for.
        stream: The stream, where the path names one.
        length: The length of the body, as the headers declare it.
        rows: The rows as compact JSON; empty where no fault looks for a text.
    """

    kind: str
    stream: str | None
    length: int
    rows: bytes = b""


class ActiveFault:
    """A fault that has been added, and how often it has hit.

    Attributes:
        id: A number that no other fault of this emulator has.
        fault: The order.
    """

    def __init__(self, number: int, fault: Fault, clock: Callable[[], float]) -> None:
        self.id = number
        self.fault = fault
        self.body = (
            None if fault.body is None else compress(fault, (fault.body * (fault.repeat or 1)).encode())
        )
        """The body to answer with, made once."""
        self._counted = 0
        self._taken = 0
        self._hits = 0
        self._hit = threading.Condition()
        self._random = random.Random(fault.seed or 0)
        self._text = None if fault.containing is None else fault.containing.encode()
        self._nth = {fault.nth} if isinstance(fault.nth, int) else set(fault.nth or ())
        self._window = Window(
            requests=fault.requests or REQUESTS,
            bytes=fault.bytes or BYTES,
            seconds=fault.window or SECONDS,
            clock=clock,
        )
        self._is_cleared = False
        self._held: list[Callable[[], object]] = []

    @property
    def hits(self) -> int:
        """How many requests it has hit; each is in the request log by then."""
        return self._hits

    def wait(self, hits: int = 1, *, timeout: float = 10.0) -> bool:
        """Wait until so many requests have been hit in all, and tell whether that came to pass in time."""
        with self._hit:
            return self._hit.wait_for(lambda: self._hits >= hits, timeout)

    def show(self) -> dict[str, Any]:
        """Return the order, with id and hits, as JSON values."""
        return {"id": self.id, "hits": self._hits, **self.fault.settings()}

    def looks_at_rows(self, kind: str) -> bool:
        """Tell whether it needs the rows of such a request."""
        return self._text is not None and kind == self.fault.kind

    def is_due(self, arrival: Arrival) -> bool:
        """Count a request, and tell whether it is to be hit."""
        fault = self.fault
        if arrival.kind != fault.kind or fault.stream not in (None, arrival.stream):
            return False
        if self._text is not None and self._text not in arrival.rows:
            return False
        if fault.action == "throttle":
            return not self._window.admit(arrival.length)
        self._counted += 1
        # Drawn for every request: which ones are hit then does not depend on the other faults.
        is_drawn = fault.rate is None or self._random.random() < fault.rate
        is_numbered = not self._nth or self._counted in self._nth
        return is_drawn and is_numbered and (fault.times is None or self._taken < fault.times)

    def take(self) -> None:
        """Note that a request is being hit."""
        self._taken += 1

    def land(self) -> None:
        """Note that the hit is in the request log, and wake who waits for it."""
        with self._hit:
            self._hits += 1
            self._hit.notify_all()

    @contextmanager
    def held(self, let_go: Callable[[], object]) -> Iterator[None]:
        """While a request hangs, call that when the fault is cleared; at once if it is already."""
        with self._hit:
            is_cleared = self._is_cleared
            self._held.append(let_go)
        if is_cleared:
            let_go()
        try:
            yield
        finally:
            with self._hit, suppress(ValueError):
                self._held.remove(let_go)

    def clear(self) -> None:
        """Let go of the requests that hang."""
        with self._hit:
            self._is_cleared = True
            held, self._held = self._held, []
        for let_go in held:
            # Of a server that has ended since.
            with suppress(RuntimeError):
                let_go()

    def retry_after(self) -> int:
        """Return the seconds until a throttle's window ends."""
        return self._window.retry_after()


class Faults:
    """The faults of one emulator, in the order in which they were added.

    The first one that is due hits a request, and no other does; each counts the requests for itself,
    those that another one hits included. Iterating gives those that have not been cleared.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ids = count(1)
        self._lock = threading.Lock()
        self._active: tuple[ActiveFault, ...] = ()

    def __iter__(self) -> Iterator[ActiveFault]:
        return iter(self._active)

    def add(self, fault: Fault) -> ActiveFault:
        """Add a fault; it applies to requests that arrive from now on, and goes last."""
        with self._lock:
            added = ActiveFault(next(self._ids), fault, self._clock)
            self._active = (*self._active, added)
        return added

    def clear(self) -> None:
        """Remove all faults. Requests that hang are reset; one that is delayed or drips stays so."""
        with self._lock:
            cleared, self._active = self._active, ()
        for active in cleared:
            active.clear()

    def remove(self, number: int) -> bool:
        """Remove the fault of that id, as `clear` does all, and tell whether there was one."""
        with self._lock:
            found = [active for active in self._active if active.id == number]
            self._active = tuple(active for active in self._active if active.id != number)
        for active in found:
            active.clear()
        return bool(found)

    def look_at_rows(self, kind: str) -> bool:
        """Tell whether some fault needs the rows of such a request."""
        return any(active.looks_at_rows(kind) for active in self._active)

    def choose(self, arrival: Arrival) -> ActiveFault | None:
        """Count a request with every fault, and return the one that hits it."""
        due = [active for active in self._active if active.is_due(arrival)]
        if not due:
            return None
        due[0].take()
        return due[0]


def compress(fault: Fault, data: bytes) -> bytes:
    """Compress a body as the fault has it."""
    if fault.gzip is None:
        return data
    whole = gzip.compress(data, mtime=0)
    # No block of deflate begins with these bits; a body that is only cut short is taken by some decoders.
    return whole if fault.gzip == "whole" else whole[:10] + b"\xff" * len(whole[10:])
