"""The spool: the directory in which batches survive the process, shared by any number of processes.

    <spool_dir>/dcrlog-<uid>/                       0700
        <destination 16 hex>-<instance 24 hex>/     one for each instance that has rows
            owner                                   locked for as long as the instance lives
            <created, ns>-<number>.seg              a batch each
        quarantine/                                 what could not be read, never deleted by us

An instance's directory is made under a hidden name, its owner file locked, then renamed: whoever sees it and
gets the lock knows that its instance is dead. The kernel gives locks back at any kind of death, so there are
no leases, heartbeats or clocks. Names and headers say where rows belong; they never decide where rows go.
"""

import errno
import hashlib
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._clock import Clock
from dcrlog._forking import FORK_GUARD
from dcrlog._frames import SEGMENT_BYTES
from dcrlog._home import Lock, check_directory, check_home, prepare_home
from dcrlog._report import Report
from dcrlog._segment import Recovered, Segment, sync_file

OWNER: Final = "owner"
SUFFIX: Final = ".seg"
QUARANTINE: Final = "quarantine"
_RETRY_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
"""So often dead instances are looked for."""
_ADOPT_SECONDS: Final = 0.1
"""At most ten segments a second are adopted, 600 of the 12,000 requests that a rule takes a minute."""
_FLOOR_BYTES: Final = 512 * 1024 * 1024
_FLOOR_SHARE: Final = 0.05
_LEFT_SECONDS: Final = 60.0
"""So long a directory of which something cannot be taken over is left alone."""
_SAY_SECONDS: Final = 60.0
_MOST_RACES: Final = 3
_WRITE: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)


class Spool:
    """The spool as one instance uses it. `open_segment` is guarded by the queue's section.

    Args:
        home: The directory that `prepare` has returned.
        where: What tells destinations apart.
        instance_id: The instance, 24 hexadecimal digits.
        capacity: Bytes that its segments may take.
        clock: What time is read from.
        report: Is told when the disk fails.
    """

    def __init__(
        self, home: Path, where: str, instance_id: str, *, capacity: int, clock: Clock, report: Report
    ) -> None:
        self._home = home
        self._destination = hashlib.sha256(where.encode()).digest()
        self._instance_id = instance_id
        self._capacity = capacity
        self._clock = clock
        self._report = report
        self._prefix = f"{self._destination.hex()[:16]}-"
        self._is_orphan = re.compile(re.escape(self._prefix) + "[0-9a-f]{24}").fullmatch
        self._directory: Path | None = None
        self._lock: Lock | None = None
        self._number = self._synced = 0
        self._segments: set[Segment] = set()
        self._settled: deque[Segment] = deque()
        self._failed_until = float("-inf")
        self._orphans: list[_Orphan] = []
        self._left: dict[str, float] = {}
        self._look_at = self._adopt_at = float("-inf")
        self._is_in_trouble = False
        self._untold: str | None = None
        self._say_at = float("-inf")

    @property
    def destination(self) -> bytes:
        """A SHA-256 of where its rows go."""
        return self._destination

    @property
    def is_full(self) -> bool:
        """Whether another segment would take it over its capacity."""
        return sum(segment.size for segment in self._segments) + SEGMENT_BYTES > self._capacity

    @property
    def is_worth_a_try(self) -> bool:
        """Whether `open_segment` would try."""
        return self._clock.monotonic() >= self._failed_until

    def open_segment(self) -> Segment | None:
        """Make a segment to be written; None while the disk is full or fails."""
        if not self.is_worth_a_try:
            return None
        try:
            self._remove_settled()
            directory = self._own_directory()
            if not _has_room(directory):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._number += 1
            path = directory / f"{time.time_ns():020d}-{self._number:06d}{SUFFIX}"
            segment = Segment.create(path, self._destination, self._instance_id)
        except OSError as error:
            self._failed_until = self._clock.monotonic() + _RETRY_SECONDS
            self.note_trouble(error, "rows are kept in memory only")
            return None
        self._segments.add(segment)
        self._is_in_trouble = False
        return segment

    def settle(self, segment: Segment, rows: int) -> None:
        """Count rows of a segment as settled; its file goes with the last of them."""
        if segment.settle(rows):
            self._segments.discard(segment)
            self._remove(segment)

    def set_aside(self, segment: Segment) -> bool:
        """Keep a segment that cannot be read among what is damaged; return whether it is there."""
        try:
            segment.path.rename(self._quarantine_directory() / f"{_quarantine_name(segment.path)}.bin")
        except OSError:
            return False
        return True

    def _remove(self, segment: Segment) -> None:
        if segment.remove():
            for orphan in tuple(self._orphans):
                orphan.held.discard(segment)
        else:
            # Its rows would be sent again by whoever finds it; so it stays ours until it can be deleted.
            self._settled.append(segment)

    def _remove_settled(self) -> None:
        for _ in range(len(self._settled)):
            with suppress(IndexError):
                self._remove(self._settled.popleft())

    def hold(self, segment: Segment) -> None:
        """Remember an adopted segment until its rows are settled."""
        self._segments.add(segment)

    @property
    def is_dirty(self) -> bool:
        """Whether anything was written since the last sync."""
        return any(segment.is_dirty for segment in tuple(self._segments))

    def sync(self) -> None:
        """Let what was written reach the disk. Needs no lock; takes as long as the disk does."""
        for segment in tuple(self._segments):
            if segment.is_dirty:
                try:
                    segment.sync()
                except OSError as error:
                    self.note_trouble(error, "rows would not survive a loss of power")
        directory = self._directory
        if directory is not None and self._number != self._synced:
            self._synced = self._number
            try:
                sync_file(directory)
                sync_file(self._home)
            except FileNotFoundError:
                # The next segment finds that it has to be made again.
                return
            except OSError as error:
                self.note_trouble(error, "rows would not survive a loss of power")

    def adopt(self) -> tuple[str, Segment, Recovered] | None:
        """Take over the next segment of an instance that has died; None where there is none now.

        Called by one sender at a time.
        """
        now = self._clock.monotonic()
        if now < self._adopt_at:
            return None
        self._remove_settled()
        self._end_orphans()
        if now >= self._look_at and not self._has_more:
            self._look_at = now + _LOOK_SECONDS
            if self._take_orphan():
                self._look_at = now
        for orphan in self._orphans:
            while (path := orphan.next_path()) is not None:
                recovered = self._recover(path, orphan.instance_id)
                if recovered is not None:
                    self._adopt_at = now + _ADOPT_SECONDS
                    segment = Segment(path, len(recovered.frames), recovered.size)
                    orphan.held.add(segment)
                    if not recovered.frames:
                        self._remove(segment)
                    return orphan.instance_id, segment, recovered
        return None

    def look(self) -> bool:
        """Look for dead instances at once; return whether there is anything to adopt."""
        while not self._has_more and self._take_orphan():
            pass
        return self._has_more

    @property
    def orphans(self) -> set[str]:
        """Names of the directories of dead instances that it has locked."""
        return {orphan.directory.name for orphan in self._orphans}

    def leave(self, segment: Segment) -> None:
        """Leave an adopted segment, which nobody has heard of yet, to whoever finds it next."""
        for orphan in self._orphans:
            orphan.held.discard(segment)

    def adopt_in(self) -> float:
        """Return the seconds after which `adopt` may have something."""
        at = self._adopt_at if self._has_more else max(self._look_at, self._adopt_at)
        return max(at - self._clock.monotonic(), 0.0)

    @property
    def _has_more(self) -> bool:
        return any(orphan.has_more for orphan in self._orphans)

    def _end_orphans(self) -> None:
        for orphan in [each for each in self._orphans if not (each.has_more or each.held)]:
            self._orphans.remove(orphan)
            if not orphan.end():
                self._left[orphan.directory.name] = self._clock.monotonic() + _LEFT_SECONDS

    def _recover(self, path: Path, instance_id: str) -> Recovered | None:
        try:
            recovered = Recovered(path, self._destination, instance_id)
            # Before anything of it is sent: it is deleted afterwards.
            self._quarantine(recovered)
        except OSError:
            return None
        return recovered

    def close(self) -> None:
        """Remove the instance's directory if nothing is left in it, and let others have the rest."""
        self._remove_settled()
        self._end_orphans()
        directory, lock = self._directory, self._lock
        if directory is None or lock is None:
            return
        if not any(segment.path.parent == directory for segment in (*self._segments, *self._settled)):
            _remove(directory)
            lock.release()
            self._directory = self._lock = None

    def abandon(self) -> None:
        """Let go of everything, in a forked child: it is the parent's, whose locks stay held."""
        for lock in (self._lock, *(orphan.lock for orphan in self._orphans)):
            if lock is not None:
                lock.release()
        self._lock = self._directory = None
        self._orphans = []
        self._segments, self._settled = set(), deque()

    def note_trouble(self, error: OSError, consequence: str) -> None:
        """Have trouble with the disk told, once until a segment can be made again."""
        if not self._is_in_trouble:
            self._is_in_trouble = True
            # By a sender: this may be a thread that logs.
            self._untold = f"spool {self._home}: {error.strerror or error}; {consequence}"

    def say_trouble(self) -> None:
        """Tell people what the disk met, if it did; once a minute at most, where it comes and goes."""
        untold, now = self._untold, self._clock.monotonic()
        if untold is not None and now >= self._say_at:
            self._untold, self._say_at = None, now + _SAY_SECONDS
            self._report.say(untold, always=True)

    def _own_directory(self) -> Path:
        directory, lock = self._directory, self._lock
        if directory is not None and lock is not None and lock.is_held:
            return directory
        if lock is not None:
            lock.release()
        self._directory = self._lock = None
        prepare_home(self._home)
        visible = self._home / f"{self._prefix}{self._instance_id}"
        if os.path.lexists(visible):
            # Ours still, though its lock was lost: nobody else has this id.
            check_directory(visible)
            self._lock = Lock(visible / OWNER, create=True)
        else:
            self._lock = self._make_directory(visible)
        self._directory = visible
        return visible

    def _make_directory(self, visible: Path) -> Lock:
        """Make a directory that nobody ever sees without its lock."""
        hidden = visible.with_name(f".{visible.name}.new")
        for _ in range(_MOST_RACES):
            with suppress(FileExistsError):
                hidden.mkdir(0o700)
            # Another may take it for what a dead process has left, before the lock is held.
            with suppress(FileNotFoundError, BlockingIOError):
                lock = Lock(hidden / OWNER, create=True)
                try:
                    hidden.rename(visible)
                except BaseException:
                    lock.release()
                    raise
                lock.moved(visible / OWNER)
                return lock
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _take_orphan(self) -> bool:
        # A child that is forked in between would keep the lock that is being taken.
        with FORK_GUARD.section():
            orphan = self._find_orphan()
            if orphan is not None:
                self._orphans.append(orphan)
        return orphan is not None

    def _find_orphan(self) -> "_Orphan | None":
        found, now = [], self._clock.monotonic()
        with suppress(OSError):
            # Whoever has put another in its place would choose what is sent.
            check_home(self._home)
            for name in [path.name for path in self._home.iterdir()]:
                if name.endswith(self._instance_id):
                    continue
                if name.startswith(f".{self._prefix}") and name.endswith(".new"):
                    self._remove_unborn(self._home / name)
                elif self._is_orphan(name) and self._left.get(name, now) <= now:
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
            check_directory(directory)
            lock = Lock(directory / OWNER, create=True)
            _remove(directory)
            lock.release()

    def _quarantine(self, recovered: Recovered) -> None:
        """Keep what could not be read.

        Raises:
            OSError: It cannot be kept.
        """
        if recovered.is_too_long:
            with suppress(FileExistsError):
                os.link(
                    recovered.path,
                    self._quarantine_directory() / f"{_quarantine_name(recovered.path)}.bin",
                    follow_symlinks=False,
                )
            return
        for start, data in recovered.damaged_bytes():
            name = f"{_quarantine_name(recovered.path)}-{start}.bin"
            directory = self._quarantine_directory()
            hidden = directory / f".{name}"
            with os.fdopen(os.open(hidden, _WRITE, 0o600), "wb") as file:
                file.write(data)
            hidden.rename(directory / name)

    def _quarantine_directory(self) -> Path:
        directory = self._home / QUARANTINE
        with suppress(FileExistsError):
            directory.mkdir(0o700)
        check_directory(directory)
        return directory


class _Orphan:
    """The directory of a dead instance, locked by us."""

    def __init__(self, directory: Path, instance_id: str, lock: Lock) -> None:
        self.directory = directory
        self.instance_id = instance_id
        self.lock = lock
        self.held: set[Segment] = set()
        self._paths = deque(sorted(_segments_in(directory)))

    @classmethod
    def lock_up(cls, directory: Path, instance_id: str) -> "_Orphan | None":
        with suppress(OSError):
            check_directory(directory)
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
        _remove(self.directory)
        self.lock.release()
        return not os.path.lexists(self.directory)


def _segments_in(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in directory.iterdir():
            if path.name.endswith(SUFFIX):
                yield path


def _quarantine_name(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


def _remove(directory: Path) -> None:
    # What else is there is not ours: the directory stays then, with its owner file.
    with suppress(OSError):
        if [path.name for path in directory.iterdir()] == [OWNER]:
            (directory / OWNER).unlink()
            directory.rmdir()


def _has_room(directory: Path) -> bool:
    disk = os.statvfs(directory)
    if not disk.f_blocks:
        # A file system that does not say.
        return True
    floor = min(_FLOOR_BYTES, int(disk.f_blocks * disk.f_frsize * _FLOOR_SHARE))
    return disk.f_bavail * disk.f_frsize >= floor + SEGMENT_BYTES
