"""Sections that no fork may fall into: imports, the making of clients and connections, and tokens.

The child of a fork has one thread. A lock that another thread held stays held in it for ever, and those of
modules under import, of credentials and of OpenSSL are out of our reach. So a fork waits until our threads
have left, or for two seconds without progress.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from dcrlog._clock import Signal

_MOST_SECONDS: Final = 30.0


class ForkGuard:
    """Keeps threads out of sections while a fork is made, and forks away while threads are in sections.

    Many threads may be inside at once. One that stays for longer than a fork waits is not waited for again.
    A section is the outermost of our locks: who waits to enter one must hold nothing that one needs inside.

    Args:
        patience: Seconds for which a fork waits when nothing moves.
    """

    def __init__(self, patience: float = 2.0) -> None:
        self._patience = patience
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child, where the threads inside are gone."""
        # Re-entrant, for a signal handler that forks while its thread is entering.
        self._entering = threading.RLock()
        self._inside: set[int] = set()
        self._given_up: set[int] = set()
        self._waiting: set[Signal] = set()

    @contextmanager
    def section(self) -> Iterator[None]:
        """Keep forks of other threads away; a section within a section is none."""
        ident = threading.get_ident()
        if ident in self._inside:
            yield
            return
        with self._entering:
            self._given_up.discard(ident)
            self._inside.add(ident)
        try:
            yield
        finally:
            # Without the lock, which the fork that waits for this very thread holds.
            self._inside.discard(ident)
            for signal in tuple(self._waiting):
                signal.set()

    def hold(self) -> None:
        """Let nobody enter, and wait until all but the calling thread have left.

        It waits for two seconds, and where imports take longer, on a busy machine, for as long as they go on.
        """
        if not self._entering.acquire(timeout=_MOST_SECONDS):
            return
        began = time.monotonic()
        deadline = began + self._patience
        known = len(sys.modules)
        signal = Signal()
        self._waiting.add(signal)
        try:
            while others := self._inside - self._given_up - {threading.get_ident()}:
                now = time.monotonic()
                if now >= deadline and len(sys.modules) != known:
                    deadline, known = min(now + self._patience, began + _MOST_SECONDS), len(sys.modules)
                if now >= deadline:
                    self._given_up |= others
                    return
                signal.wait(deadline - now)
        finally:
            self._waiting.discard(signal)

    def release(self) -> None:
        """Let threads enter again, in the parent of the fork."""
        try:
            self._entering.release()
        except RuntimeError:
            # `hold` did not get it: another thread's fork took too long.
            return


FORK_GUARD: Final = ForkGuard()
"""For what may take long: it is never entered with the queue's section held."""

LOCK_GUARD: Final = ForkGuard()
"""For the taking of file locks, which a child would keep without knowing. Entered last, and left at once."""

RENEWALS: Final[list[Callable[[], None]]] = []
"""Called in a forked child before anything of its parent is dropped, to make locks anew."""
