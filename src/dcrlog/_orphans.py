"""Dead instances of one destination: found, locked, and their segments taken over, the oldest first."""

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._clock import Clock
from dcrlog._forking import LOCK_GUARD
from dcrlog._home import OWNER, SUFFIX, Lock, check_home, check_own, remove_instance
from dcrlog._quarantine import Quarantine
from dcrlog._segment import Recovered, Segment

_LOOK_SECONDS: Final = 5.0
"""So often dead instances are looked for."""
_ADOPT_SECONDS: Final = 0.1
"""At most ten segments a second are adopted, 600 of the 12,000 requests that a rule takes a minute."""
_LEFT_SECONDS: Final = 60.0
"""So long a directory of which something cannot be taken over is left alone."""


class Orphans:
    """What dead instances have left for the destination of a living one.

    Args:
        home: The directory that `prepare` has returned.
        prefix: What the names of their directories begin with.
        destination: A SHA-256 of where their rows must belong.
        instance_id: The living instance.
        clock: What time is read from.
        quarantine: Keeps what cannot be read.
    """

    def __init__(
        self,
        home: Path,
        prefix: str,
        destination: bytes,
        instance_id: str,
        *,
        clock: Clock,
        quarantine: Quarantine,
    ) -> None:
        self._home = home
        self._prefix = prefix
        self._destination = destination
        self._instance_id = instance_id
        self._clock = clock
        self._quarantine = quarantine
        self._is_name = re.compile(re.escape(prefix) + "[0-9a-f]{24}").fullmatch
        self._held: list[_Orphan] = []
        self._left: dict[str, float] = {}
        self._look_at = self._adopt_at = float("-inf")

    @property
    def names(self) -> set[str]:
        """Names of the directories that are locked."""
        return {orphan.directory.name for orphan in self._held}

    def adopt(self) -> tuple[str, Segment, Recovered] | None:
        """Take over the next segment of an instance that has died; None where there is none now.

        Called by one sender at a time.
        """
        now = self._clock.monotonic()
        if now < self._adopt_at:
            return None
        self.end()
        if now >= self._look_at and not self._has_more:
            self._look_at = now + _LOOK_SECONDS
            if self._take_one():
                self._look_at = now
        for orphan in self._held:
            while (path := orphan.next_path()) is not None:
                recovered = self._recover(path, orphan.instance_id)
                if recovered is not None:
                    self._adopt_at = now + _ADOPT_SECONDS
                    segment = Segment(path, len(recovered.frames), recovered.size)
                    orphan.unsettled.add(segment)
                    return orphan.instance_id, segment, recovered
        return None

    def look(self) -> bool:
        """Look for dead instances at once; return whether there is anything to adopt."""
        while not self._has_more and self._take_one():
            pass
        return self._has_more

    def adopt_in(self) -> float:
        """Return the seconds after which `adopt` may have something."""
        at = self._adopt_at if self._has_more else max(self._look_at, self._adopt_at)
        return max(at - self._clock.monotonic(), 0.0)

    def forget(self, segment: Segment) -> None:
        """Say that an adopted segment is gone, or is left to whoever finds it next."""
        for orphan in tuple(self._held):
            orphan.unsettled.discard(segment)

    def end(self) -> None:
        """Let go of the directories of which nothing is left to be sent."""
        for orphan in [each for each in self._held if not (each.has_more or each.unsettled)]:
            self._held.remove(orphan)
            if not orphan.end():
                self._left[orphan.directory.name] = self._clock.monotonic() + _LEFT_SECONDS

    def abandon(self) -> None:
        """Let go of everything, in a forked child."""
        for orphan in self._held:
            orphan.lock.release()
        self._held = []

    @property
    def _has_more(self) -> bool:
        return any(orphan.has_more for orphan in self._held)

    def _recover(self, path: Path, instance_id: str) -> Recovered | None:
        try:
            recovered = Recovered(path, self._destination, instance_id)
            # Before anything of it is sent: it is deleted afterwards.
            self._quarantine.keep_damaged(recovered)
        except OSError:
            return None
        return recovered

    def _take_one(self) -> bool:
        # A child that is forked in between would keep the lock that is being taken.
        with LOCK_GUARD.section():
            orphan = self._find()
            if orphan is not None:
                self._held.append(orphan)
        return orphan is not None

    def _find(self) -> "_Orphan | None":
        found, now = [], self._clock.monotonic()
        with suppress(OSError):
            # Whoever has put another in its place would choose what is sent.
            check_home(self._home)
            for name in [path.name for path in self._home.iterdir()]:
                if name.endswith(self._instance_id):
                    continue
                if name.startswith(f".{self._prefix}") and name.endswith(".new"):
                    self._remove_unborn(self._home / name)
                elif self._is_name(name) and self._left.get(name, now) <= now:
                    first = min(_segments_in(self._home / name), default=None)
                    found.append((first.name if first else "", name))
        for _, name in sorted(found):
            orphan = _Orphan.lock_up(self._home / name, name.removeprefix(self._prefix))
            if orphan is not None:
                return orphan
        return None

    def _remove_unborn(self, directory: Path) -> None:
        """Remove a hidden directory, in which no row was ever written, unless it is about to be shown."""
        if self._instance_id in directory.name:
            return
        with suppress(OSError):
            check_own(os.lstat(directory), directory.name)
            lock = Lock(directory / OWNER, create=True)
            remove_instance(directory)
            lock.release()


class _Orphan:
    """The directory of a dead instance, locked by us."""

    def __init__(self, directory: Path, instance_id: str, lock: Lock) -> None:
        self.directory = directory
        self.instance_id = instance_id
        self.lock = lock
        self.unsettled: set[Segment] = set()
        self._paths = deque(sorted(_segments_in(directory)))

    @classmethod
    def lock_up(cls, directory: Path, instance_id: str) -> "_Orphan | None":
        with suppress(OSError):
            check_own(os.lstat(directory), directory.name)
            # Made where it is missing: of a directory whose removal was interrupted, or by somebody's hand.
            return cls(directory, instance_id, Lock(directory / OWNER, create=True))
        return None

    @property
    def has_more(self) -> bool:
        return bool(self._paths)

    def next_path(self) -> Path | None:
        return self._paths.popleft() if self._paths else None

    def end(self) -> bool:
        """Remove the directory and let go; return whether it is gone."""
        remove_instance(self.directory)
        self.lock.release()
        return not os.path.lexists(self.directory)


def _segments_in(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in directory.iterdir():
            if path.name.endswith(SUFFIX):
                yield path
