"""The spool: the directory in which batches survive the process, shared by any number of processes.

    <spool_dir>/dcrlog-<uid>/                       0700
        <destination 16 hex>-<instance 24 hex>/     one for each instance that has rows
            owner                                   locked for as long as the instance lives
            <created, ns>-<number>.seg              a batch each
        quarantine/                                 what could not be read, never deleted by us

Names and headers say where rows belong; they never decide where rows go.
"""

import errno
import os
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._clock import Clock
from dcrlog._frames import SEGMENT_BYTES
from dcrlog._home import SUFFIX
from dcrlog._orphans import Orphans
from dcrlog._own_directory import OwnDirectory
from dcrlog._quarantine import Quarantine
from dcrlog._report import Report
from dcrlog._segment import Recovered, Segment, sync_file
from dcrlog._trouble import Trouble

_RETRY_SECONDS: Final = 1.0
_FLOOR_BYTES: Final = 512 * 1024 * 1024
_FLOOR_SHARE: Final = 0.05


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
        # Not above: 4 ms of the start of everybody who has no spool.
        import hashlib

        self.home = home
        self._destination = hashlib.sha256(where.encode()).digest()
        self._instance_id = instance_id
        self._capacity = capacity
        self._clock = clock
        self._prefix = f"{self._destination.hex()[:16]}-"
        self._directory = OwnDirectory(home / f"{self._prefix}{instance_id}")
        self._number = self._synced = 0
        self._segments: set[Segment] = set()
        self._used: int | None = None
        self._settled: deque[Segment] = deque()
        self._failed_until = float("-inf")
        self.trouble = Trouble(home, clock, report)
        """What the disk meets."""
        self._quarantine = Quarantine(home)
        self.orphans = Orphans(
            home, self._prefix, self._destination, instance_id, clock=clock, quarantine=self._quarantine
        )
        """What dead instances have left for the same destination."""

    @property
    def destination(self) -> bytes:
        """A SHA-256 of where its rows go."""
        return self._destination

    @property
    def is_full(self) -> bool:
        """Whether another segment would take it over its capacity."""
        # Asked for each row while it is so, of a thousand segments or more.
        if self._used is None:
            self._used = sum(segment.size for segment in self._segments)
        return self._used + SEGMENT_BYTES > self._capacity

    def open_segment(self) -> Segment | None:
        """Make a segment to be written; None while the disk is full or fails."""
        if self._clock.monotonic() < self._failed_until:
            return None
        try:
            self._remove_settled()
            directory = self._directory.open()
            if not _has_room(directory):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._number += 1
            path = directory / f"{time.time_ns():020d}-{self._number:06d}{SUFFIX}"
            segment = Segment.create(path, self._destination, self._instance_id)
        except OSError as error:
            self._failed_until = self._clock.monotonic() + _RETRY_SECONDS
            self.trouble.note(error, "rows are kept in memory only")
            return None
        self._used = None
        self._segments.add(segment)
        self.trouble.end()
        return segment

    def seal(self, segment: Segment, rows: int) -> bool:
        """Give back what a segment has not used; return whether its file is there."""
        self._used = None
        return segment.seal(rows)

    def settle(self, segment: Segment, rows: int) -> None:
        """Count rows of a segment as settled; its file goes with the last of them."""
        if segment.settle(rows):
            self._used = None
            self._segments.discard(segment)
            self._remove(segment)

    def set_aside(self, segment: Segment) -> bool:
        """Keep a segment that cannot be read among what is damaged; return whether it is there."""
        return self._quarantine.take(segment.path)

    def keep_damaged(self, segment: Segment) -> None:
        """Keep a segment of which rows are missing, where it is there still, before it is deleted."""
        try:
            self._quarantine.keep_whole(segment.path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.trouble.note(error, "damaged bytes are not kept")

    def _remove(self, segment: Segment) -> None:
        if segment.remove():
            self.orphans.forget(segment)
        else:
            # Its rows would be sent again by whoever finds it; so it stays ours until it can be deleted.
            self._settled.append(segment)

    def _remove_settled(self) -> None:
        for _ in range(len(self._settled)):
            with suppress(IndexError):
                self._remove(self._settled.popleft())

    def hold(self, segment: Segment) -> None:
        """Remember an adopted segment until its rows are settled."""
        self._used = None
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
                    self.trouble.note(error, "rows would not survive a loss of power")
        directory, number = self._directory.path, self._number
        if directory is not None and number != self._synced:
            try:
                sync_file(directory)
                sync_file(self.home)
                sync_file(self.home.parent)
                self._synced = number
            except FileNotFoundError:
                # The next segment finds that it has to be made again.
                return
            except OSError as error:
                self.trouble.note(error, "rows would not survive a loss of power")

    def adopt(self) -> tuple[str, Segment, Recovered] | None:
        """Take over the next segment of an instance that has died; None where there is none now.

        Called by one sender at a time.
        """
        self._remove_settled()
        found = self.orphans.adopt()
        if found is not None and not found[2].frames:
            self._remove(found[1])
        return found

    def close(self) -> None:
        """Remove the instance's directory if nothing is left in it, and let others have the rest."""
        self._remove_settled()
        self.orphans.end()
        directory, left = self._directory.path, (*self._segments, *self._settled)
        if directory is not None and not any(segment.path.parent == directory for segment in left):
            self._directory.remove()

    def abandon(self) -> None:
        """Let go of everything, in a forked child: it is the parent's, whose locks stay held."""
        self._directory.release()
        self.orphans.abandon()
        self._segments, self._settled, self._used = set(), deque(), None


def _has_room(directory: Path) -> bool:
    disk = os.statvfs(directory)
    if not disk.f_blocks:
        # A file system that does not say.
        return True
    floor = min(_FLOOR_BYTES, int(disk.f_blocks * disk.f_frsize * _FLOOR_SHARE))
    return disk.f_bavail * disk.f_frsize >= floor + SEGMENT_BYTES
