"""The directory of a living instance in the spool.

It is made under a hidden name, its owner file locked, then renamed: whoever sees it and gets the lock knows
that its instance is dead. The kernel gives locks back at any kind of death, so there are no leases,
heartbeats or clocks.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._forking import LOCK_GUARD
from dcrlog._home import OWNER, Lock, check_own, prepare_home, remove_instance

_MOST_RACES: Final = 3


class OwnDirectory:
    """Made when it is needed, and again if somebody has deleted it; locked for as long as it is there.

    Args:
        path: Where it is to be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: Lock | None = None

    @property
    def path(self) -> Path | None:
        """Where it is; None while it is not ours."""
        return None if self._lock is None else self._path

    def open(self) -> Path:
        """Return where it is, made and locked.

        Raises:
            OSError: It cannot be made, or the disk fails.
        """
        if self._lock is not None and self._lock.is_held:
            return self._path
        self.release()
        prepare_home(self._path.parent)
        with LOCK_GUARD.section():
            if os.path.lexists(self._path):
                # Ours still, though its lock was lost: nobody else has this id.
                check_own(os.lstat(self._path), self._path.name)
                self._lock = Lock(self._path / OWNER, create=True)
            else:
                self._lock = self._make()
        return self._path

    def _make(self) -> Lock:
        """Make it so that nobody ever sees it without its lock."""
        hidden = self._path.with_name(f".{self._path.name}.new")
        for _ in range(_MOST_RACES):
            with suppress(FileExistsError):
                hidden.mkdir(0o700)
            # Another may take it for what a dead process has left, before the lock is held.
            with suppress(FileNotFoundError, BlockingIOError):
                lock = Lock(hidden / OWNER, create=True)
                try:
                    hidden.rename(self._path)
                except BaseException:
                    lock.release()
                    raise
                lock.moved(self._path / OWNER)
                return lock
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def remove(self) -> None:
        """Remove it, if nothing is left in it, and let go."""
        remove_instance(self._path)
        self.release()

    def release(self) -> None:
        """Let go of it; in a forked child only of the child's share."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
