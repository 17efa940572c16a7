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
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dcrlog._clock import Clock
from dcrlog._report import Report
from dcrlog._segment import SEGMENT_BYTES, Recovered, Segment, sync_file
from dcrlog.errors import ConfigError, shown

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

_OWNER: Final = "owner"
_SUFFIX: Final = ".seg"
_RETRY_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
"""So often dead instances are looked for."""
_ADOPT_SECONDS: Final = 0.1
"""At most ten segments a second are adopted, 600 of the 12,000 requests that a rule takes a minute."""
_FLOOR_BYTES: Final = 512 * 1024 * 1024
_FLOOR_SHARE: Final = 0.05
_LOCK: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


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
        self._directory: Path | None = None
        self._descriptor = -1
        self._number = self._synced = 0
        self._segments: set[Segment] = set()
        self._failed_until = float("-inf")
        self._orphans: list[_Orphan] = []
        self._left: set[str] = set()
        self._look_at = self._adopt_at = float("-inf")
        self._trouble: str | None = None

    @property
    def destination(self) -> bytes:
        """A SHA-256 of where its rows go."""
        return self._destination

    @property
    def is_full(self) -> bool:
        """Whether another segment would take it over its capacity."""
        return sum(segment.size for segment in self._segments) + SEGMENT_BYTES > self._capacity

    def open_segment(self) -> Segment | None:
        """Make a segment to be written; None while the disk is full or fails."""
        now = self._clock.monotonic()
        if now < self._failed_until:
            return None
        try:
            directory = self._own_directory()
            if directory is None or not _has_room(directory):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._number += 1
            path = directory / f"{time.time_ns():020d}-{self._number:06d}{_SUFFIX}"
            segment = Segment.create(path, self._destination, self._instance_id)
        except OSError as error:
            self._failed_until = now + _RETRY_SECONDS
            self._give_up_directory()
            # Said by a sender, at most once a minute; this is a thread that logs.
            self._trouble = f"spool {self._home}: {error.strerror}; rows are kept in memory only"
            return None
        self._segments.add(segment)
        return segment

    def settle(self, segment: Segment, rows: int) -> None:
        """Count rows of a segment as settled; its file goes with the last of them."""
        if segment.settle(rows):
            self._segments.discard(segment)
            for orphan in self._orphans:
                orphan.held.discard(segment)

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
                # One that is settled meanwhile is not there any more.
                with suppress(OSError):
                    segment.sync()
        directory = self._directory
        if directory is not None and self._number != self._synced:
            self._synced = self._number
            with suppress(OSError):
                sync_file(directory)
                sync_file(self._home)

    def adopt(self) -> tuple[str, Segment, Recovered] | None:
        """Take over the next segment of an instance that has died; None where there is none now.

        Called by one sender at a time.
        """
        now = self._clock.monotonic()
        if now < self._adopt_at:
            return None
        self._end_orphans()
        if now >= self._look_at and not self._has_more:
            self._look_at = now + _LOOK_SECONDS
            orphan = self._find_orphan()
            if orphan is not None:
                self._orphans.append(orphan)
                self._look_at = now
        for orphan in self._orphans:
            while (path := orphan.next_path()) is not None:
                recovered = self._recover(path, orphan.instance_id)
                if recovered is not None:
                    self._adopt_at = now + _ADOPT_SECONDS
                    segment = Segment(path, len(recovered.frames), recovered.size)
                    if recovered.frames:
                        orphan.held.add(segment)
                    else:
                        segment.settle(0)
                    return orphan.instance_id, segment, recovered
        return None

    def look(self) -> bool:
        """Look for dead instances at once; return whether there is anything to adopt."""
        while not self._has_more and (orphan := self._find_orphan()) is not None:
            self._orphans.append(orphan)
        return self._has_more

    @property
    def orphans(self) -> set[str]:
        """Names of the directories of dead instances that it has locked."""
        return {orphan.directory.name for orphan in self._orphans}

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
                self._left.add(orphan.directory.name)

    def _recover(self, path: Path, instance_id: str) -> Recovered | None:
        try:
            recovered = Recovered(path, self._destination, instance_id)
        except OSError:
            return None
        self._quarantine(recovered)
        return recovered

    def close(self) -> None:
        """Remove the instance's directory if nothing is left in it, and let others have the rest."""
        self._end_orphans()
        self._give_up_directory()

    def abandon(self) -> None:
        """Let go of everything, in a forked child: it is the parent's, whose locks stay held."""
        for descriptor in (self._descriptor, *(orphan.descriptor for orphan in self._orphans)):
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
        self._descriptor, self._directory, self._orphans = -1, None, []
        self._segments = set()

    def say_trouble(self) -> None:
        """Tell people what the disk met, if it did."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            self._report.say(trouble)

    def _own_directory(self) -> Path | None:
        if self._directory is not None and self._directory.is_dir():
            return self._directory
        self._give_up_directory()
        prepare_home(self._home)
        name = f"{self._prefix}{self._instance_id}"
        hidden, visible = self._home / f".{name}.new", self._home / name
        if visible.is_dir():
            # Ours still, since the disk has failed: nobody else has this id.
            self._descriptor = os.open(visible / _OWNER, _LOCK | os.O_CREAT, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            with suppress(FileExistsError):
                hidden.mkdir(0o700)
            self._descriptor = os.open(hidden / _OWNER, _LOCK | os.O_CREAT, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(visible)
        self._directory = visible
        return visible

    def _give_up_directory(self) -> None:
        directory, self._directory = self._directory, None
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            if directory is not None and not any(_segments_in(directory)):
                _remove(directory)
            elif directory is not None:
                # It has rows of ours: the lock is kept.
                self._directory, self._descriptor = directory, descriptor
                return
            with suppress(OSError):
                os.close(descriptor)

    def _find_orphan(self) -> "_Orphan | None":
        found = []
        with suppress(OSError):
            for name in (path.name for path in self._home.iterdir()):
                is_ours = name.startswith(self._prefix) and not name.endswith(self._instance_id)
                if is_ours and name not in self._left:
                    first = min(_segments_in(self._home / name), default=None)
                    found.append((first.name if first else "", name))
        for _, name in sorted(found):
            orphan = _Orphan.lock(self._home / name, name.removeprefix(self._prefix))
            if orphan is not None:
                return orphan
        return None

    def _quarantine(self, recovered: Recovered) -> None:
        for start, data in recovered.damaged_bytes():
            name = f"{recovered.path.parent.name}-{recovered.path.name}-{start}.bin"
            with suppress(OSError):
                directory = self._home / "quarantine"
                directory.mkdir(0o700, exist_ok=True)
                descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)


class _Orphan:
    """The directory of a dead instance, locked by us."""

    def __init__(self, directory: Path, instance_id: str, descriptor: int) -> None:
        self.directory = directory
        self.instance_id = instance_id
        self.descriptor = descriptor
        self.held: set[Segment] = set()
        self._paths = deque(sorted(_segments_in(directory)))

    @classmethod
    def lock(cls, directory: Path, instance_id: str) -> "_Orphan | None":
        try:
            descriptor = os.open(directory / _OWNER, _LOCK)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have removed it since it was opened.
            is_there = os.path.samestat(os.fstat(descriptor), (directory / _OWNER).stat())
        except OSError:
            is_there = False
        if not is_there:
            os.close(descriptor)
            return None
        return cls(directory, instance_id, descriptor)

    @property
    def has_more(self) -> bool:
        return bool(self._paths)

    def next_path(self) -> Path | None:
        return self._paths.popleft() if self._paths else None

    def end(self) -> bool:
        """Remove the directory and let go; return whether it is gone."""
        _remove(self.directory)
        os.close(self.descriptor)
        return not self.directory.exists()


def home_of(spool_dir: Path) -> Path:
    """Return this user's own directory in a spool's."""
    return spool_dir / f"dcrlog-{os.geteuid()}"


def prepare(spool_dir: Path) -> Path:
    """Make the spool's own directory, and return it.

    Raises:
        ConfigError: It cannot be made, is somebody else's, or this system has no `fcntl`.
    """
    if fcntl is None:
        raise ConfigError(
            f"spool_dir={shown(str(spool_dir))}: the spool needs file locks of the module fcntl, which this "
            "system does not have. Leave the option out; rows then wait in memory, within capacity."
        )
    home = home_of(spool_dir)
    try:
        prepare_home(home)
    except OSError as error:
        raise ConfigError(
            f"spool_dir={shown(str(spool_dir))}: {home} cannot be used: {error.strerror}. Give a directory "
            "in which this user may make one of its own."
        ) from None
    return home


def prepare_home(home: Path) -> None:
    """Make the directory, or see that it is ours and nobody else's.

    Raises:
        OSError: It cannot be made, or belongs to another user, or others may write there.
    """
    with suppress(FileExistsError):
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(0o700)
    status = os.lstat(home)
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, "it is no directory")
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"it belongs to user {status.st_uid}")
    if status.st_mode & 0o077:
        raise OSError(errno.EPERM, f"others have access to it (mode {stat.S_IMODE(status.st_mode):04o})")


def _segments_in(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in directory.iterdir():
            if path.name.endswith(_SUFFIX):
                yield path


def _remove(directory: Path) -> None:
    # What else is there is not ours: the directory stays then, with its owner file.
    with suppress(OSError):
        if [path.name for path in directory.iterdir()] == [_OWNER]:
            (directory / _OWNER).unlink()
            directory.rmdir()


def _has_room(directory: Path) -> bool:
    disk = os.statvfs(directory)
    floor = min(_FLOOR_BYTES, int(disk.f_blocks * disk.f_frsize * _FLOOR_SHARE))
    return disk.f_bavail * disk.f_frsize >= floor + SEGMENT_BYTES
