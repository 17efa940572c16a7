"""A segment file: the rows of one batch, written before the logging call returns.

A row is copied into a mapping of the file, which the kernel keeps when the process is killed. That takes no
system call, and so no hand-over of the GIL while the queue's lock is held. The file's whole length is
reserved first: a full disk shows when a segment is made, not when a row is written.
"""

import mmap
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from dcrlog._frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    Damage,
    Frame,
    frame_parts,
    is_header,
    scan,
    segment_header,
)

SEGMENT_BYTES: Final = 1024 * 1024
"""What a segment that is written takes on the disk."""

_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


class Segment:
    """A segment's file, and how many of its rows are not settled yet. Guarded by the queue's section.

    Args:
        path: The file.
        rows: How many rows are in it already.
        size: How many bytes it has.

    Attributes:
        path: The file.
        size: Bytes that it takes on the disk.
        is_dirty: Whether anything was written since it was synced.
    """

    def __init__(self, path: Path, rows: int = 0, size: int = 0) -> None:
        self.path = path
        self.size = size
        self.is_dirty = False
        self._unsettled = rows
        self._map: mmap.mmap | None = None
        self._end = self._last_at = self._last_seq = 0

    @classmethod
    def create(cls, path: Path, destination: bytes, instance_id: str) -> "Segment":
        """Make a new file, to be written.

        Raises:
            OSError: There is no room on the disk, or it fails.
        """
        descriptor = os.open(path, _CREATE, 0o600)
        try:
            _reserve(descriptor)
            segment = cls(path, size=SEGMENT_BYTES)
            segment._map = mmap.mmap(descriptor, SEGMENT_BYTES)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        finally:
            os.close(descriptor)
        segment._map[:HEADER_BYTES] = segment_header(destination, instance_id, time.time_ns())
        segment._end = HEADER_BYTES
        return segment

    def append(self, seq: int, row: bytes) -> bool:
        """Write a row, if there is room for it; return whether there was."""
        mapping, at = self._map, self._end
        end = at + FRAME_BYTES + len(row)
        if mapping is None or end > SEGMENT_BYTES:
            return False
        if seq == self._last_seq:
            # Ctrl-C came between this and the queue's own count of the row, so that another has its `Seq`.
            at = self._last_at
            end = at + FRAME_BYTES + len(row)
            self._unsettled -= 1
        before, after = frame_parts(seq, row)
        # The header last: a process that is killed in between leaves zeros there, and no row.
        mapping[at + len(before) : end] = row + after
        mapping[at : at + len(before)] = before
        self._end, self._last_at, self._last_seq = end, at, seq
        self._unsettled += 1
        self.is_dirty = True
        return True

    def sync(self) -> None:
        """Let what was written reach the disk. Needs no lock; takes as long as the disk does."""
        self.is_dirty = False
        # By the file and not by the mapping, whose `flush` keeps the GIL while it waits (CPython 3.11).
        sync_file(self.path)

    def seal(self) -> None:
        """Give back what was reserved and not used; nothing is written any more."""
        mapping, self._map = self._map, None
        if mapping is not None:
            mapping.close()
            with suppress(OSError):
                os.truncate(self.path, self._end)
                self.size = self._end

    def read(self) -> list[tuple[int, bytes]]:
        """Return the rows that can be read, with their `Seq`."""
        with suppress(OSError):
            return [(each.seq, each.row) for each in scan(_contents(self.path)) if isinstance(each, Frame)]
        return []

    def settle(self, rows: int) -> bool:
        """Count rows as settled; delete the file with the last of them, and return whether it was that."""
        self._unsettled -= rows
        if self._unsettled > 0:
            return False
        self.seal()
        with suppress(OSError):
            self.path.unlink()
        return True


class Recovered:
    """What a segment of a process that has died still has.

    Args:
        path: The file.
        destination: Where its rows must belong.
        instance_id: The instance that must have written it.

    Raises:
        OSError: It cannot be read, or is no file of ours.
    """

    def __init__(self, path: Path, destination: bytes, instance_id: str) -> None:
        self.path = path
        self._data = _contents(path)
        found = list(scan(self._data))
        self.frames = [each for each in found if isinstance(each, Frame)]
        self.damages = [each for each in found if isinstance(each, Damage)]
        if self._data and not is_header(self._data, destination, instance_id):
            # Its directory names both as well, so that a damaged header costs no row.
            self.damages.insert(0, Damage(0, min(HEADER_BYTES, len(self._data)), 0))
        self.size = len(self._data)

    def damaged_bytes(self) -> list[tuple[int, bytes]]:
        """Return what could not be read, each piece with its place in the file."""
        return [(each.start, self._data[each.start : each.end]) for each in self.damages]


def sync_file(path: Path) -> None:
    """Let a file's data, or a directory's names, reach the disk.

    Raises:
        OSError: The disk fails, or the file is not there any more.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reserve(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SEGMENT_BYTES)
    else:
        # Written, since a file that is only long has no room reserved. macOS has no posix_fallocate.
        os.pwrite(descriptor, bytes(SEGMENT_BYTES), 0)


def _contents(path: Path) -> bytes:
    # Neither a link nor what waits for its other end, however it came here.
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        # More than a segment ever has is none of ours.
        return file.read(SEGMENT_BYTES)
