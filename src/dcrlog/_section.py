"""A critical section that its own thread may re-enter, by a garbage collection or a signal handler that logs.

A plain lock deadlocks there, and a bare re-entrant one lets the inner put run in the middle of the
outer: rows got the same `Seq`, and batches grew too large. Here the inner put lays its row aside, and
the outer takes it in before it leaves.
"""

import functools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import sleep
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

_TURNS: Final = 20
"""Beyond these, whoever is inside waits for the disk."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Section:
    """One re-entrant lock, whether its owner is inside, and the rows that were laid aside meanwhile.

    Args:
        take_in: Called, inside, with the rows that were laid aside; takes them off as it counts them.
        mend: Called, inside, after an exception in the middle of a change.
    """

    __slots__ = ("_mend", "_take_in", "aside", "is_busy", "lock")

    def __init__(self, take_in: Callable[[deque[bytes]], None], mend: Callable[[], None]) -> None:
        self._take_in = take_in
        self._mend = mend
        self.lock = threading.RLock()
        self.is_busy = False
        self.aside: Final[deque[bytes]] = deque()

    def run(
        self, change: Callable[_Given, _Result], /, *args: _Given.args, **options: _Given.kwargs
    ) -> _Result:
        """Call a function inside, with puts of this very thread laid aside until it has returned."""
        if self.is_busy:
            self.give_way()
        # Not a context manager of our own: Ctrl-C between its lines would leave the lock held. Python
        # looks for signals at calls, and entering a lock in C is none.
        with self.lock:
            outer = self.is_busy
            self.is_busy = True
            try:
                return change(*args, **options)
            except BaseException:
                if not outer:
                    self._mend()
                raise
            finally:
                self.is_busy = outer
                if not outer and self.aside:
                    self.take_in_aside()

    def give_way(self) -> None:
        """Let other threads run, for a moment, until nobody is inside any more.

        Who waits for a lock gets it before the interpreter. Others that come meanwhile wait in turn, and none
        of a few producers finds it free again: a record then costs a switch of threads, twice the CPU.
        """
        if not self._is_mine():
            for _ in range(_TURNS):
                sleep(0)
                if not self.is_busy:
                    return

    def take_in_aside(self) -> None:
        """Take in what was laid aside. Called with the lock held and nobody inside."""
        # A put that comes after the inner loop has ended, before `is_busy` is reset, lays its row aside too.
        while self.aside:
            self.is_busy = True
            try:
                while self.aside:
                    self._take_in(self.aside)
            finally:
                self.is_busy = False

    def is_interrupted(self) -> bool:
        """Whether this very thread is inside, interrupted by whatever asks."""
        return self.is_busy and self._is_mine()

    def is_stuck(self) -> bool:
        """Whether the lock is held for a second: at finalization, by a thread that will never run again."""
        has_lock = self.lock.acquire(timeout=1.0)
        if has_lock:
            self.lock.release()
        return not has_lock

    def free(self) -> None:
        """In a forked child: let go of the lock if a thread has it that is not there.

        A signal handler may have forked while its thread waited for it, and that goes on waiting.
        """
        if not self._is_mine():
            # Private, and what `threading.Condition` uses: the only way to release what another thread holds.
            lock: Any = self.lock
            with suppress(RuntimeError):
                lock._release_save()  # noqa: SLF001

    def _is_mine(self) -> bool:
        """Whether this very thread holds the lock."""
        # Private, and what `threading.Condition` uses. An attempt, instead, may leave it locked at Ctrl-C.
        lock: Any = self.lock
        return bool(lock._is_owned())  # noqa: SLF001


class _HasSection(Protocol):
    @property
    def section(self) -> Section: ...


_Owner = TypeVar("_Owner", bound=_HasSection)


def inside(
    method: Callable[Concatenate[_Owner, _Given], _Result],
) -> Callable[Concatenate[_Owner, _Given], _Result]:
    """Make a method run inside its object's section."""

    @functools.wraps(method)
    def run(self: _Owner, /, *args: _Given.args, **options: _Given.kwargs) -> _Result:
        return self.section.run(method, self, *args, **options)

    return run
