"""A segment file: the rows of one batch, written before the logging call returns.

A row is copied into a mapping of the file, which the kernel keeps when the process is killed. That takes no
system call, and so no hand-over of the GIL while the queue's lock is held. The file's whole length is
reserved first: a full disk shows when a segment is made, not when a row is written.
"""

import errno
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
    SEGMENT_BYTES,
    Damage,
    Frame,
    frame_parts,
    header_of,
    is_header,
    scan,
    segment_header,
)
from dcrlog._home import read_own

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
        has_failed: Whether the disk has failed to take what was written. It takes no more then, and its rows
            stay in memory: what is read back may be what was there before.
    """

    def __init__(self, path: Path, rows: int = 0, size: int = 0) -> None:
        self.path = path
        self.size = size
        self.is_dirty = False
        self.has_failed = False
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
        except BaseException as error:
            with suppress(OSError):
                path.unlink()
            if isinstance(error, ValueError):
                # Of `mmap`, where somebody has cut the file meanwhile.
                raise OSError(errno.EIO, str(error)) from None
            raise
        finally:
            os.close(descriptor)
        segment._map[:HEADER_BYTES] = segment_header(destination, instance_id, time.time_ns())
        segment._end = HEADER_BYTES
        return segment

    def append(self, seq: int, row: bytes) -> bool:
        """Write a row, if there is room for it; return whether there was."""
        mapping = self._map
        if mapping is None or not self.has_room(len(row)):
            return False
        # The same `Seq` again: Ctrl-C came between this and the queue's own count of the row before.
        at = self._last_at if seq == self._last_seq else self._end
        end = at + FRAME_BYTES + len(row)
        before, after = frame_parts(seq, row)
        # The header last: a process that is killed in between leaves zeros there, and no row.
        mapping[at + len(before) : end] = row + after
        mapping[at : at + len(before)] = before
        self._end, self._last_at, self._last_seq = end, at, seq
        self.is_dirty = True
        return True

    def has_room(self, length: int) -> bool:
        """Whether a row of this length can be written."""
        return self._end + FRAME_BYTES + length <= SEGMENT_BYTES and not self.has_failed

    def sync(self) -> None:
        """Let what was written reach the disk. Needs no lock; takes as long as the disk does.

        Raises:
            OSError: It has not. The kernel tells so once, and forgets what it could not write.
        """
        self.is_dirty = False
        try:
            # By the file and not by the mapping, whose `flush` keeps the GIL while it waits (CPython 3.11).
            sync_file(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            # Not where it could not be opened for want of descriptors: that has lost nothing.
            self.has_failed, self.is_dirty = error.errno == errno.EIO, error.errno != errno.EIO
            raise

    def seal(self, rows: int) -> bool:
        """Give back what was reserved and not used; nothing is written any more.

        Args:
            rows: How many it has. Counted here and not row by row, where Ctrl-C may come between.

        Returns:
            Whether the file is there.
        """
        mapping, self._map = self._map, None
        if mapping is not None:
            self._unsettled = rows
            mapping.close()
            try:
                os.truncate(self.path, self._end)
                self.size = self._end
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError:
                return True
        return True

    @property
    def can_be_read(self) -> bool:
        """Whether its rows would be found on the disk again."""
        try:
            return not self.has_failed and stat.S_ISREG(os.lstat(self.path).st_mode)
        except OSError:
            return False

    def read(self) -> dict[int, bytes]:
        """Return the rows by their `Seq`; none where the file has gone.

        Raises:
            OSError: The disk fails, and the rows may be there all the same.
        """
        try:
            data = read_own(self.path, SEGMENT_BYTES)[0]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {each.seq: each.row for each in scan(data) if isinstance(each, Frame)}

    def settle(self, rows: int) -> bool:
        """Count rows as settled; return whether all are, so that the file may go."""
        self._unsettled -= rows
        return self._unsettled <= 0

    def remove(self) -> bool:
        """Delete the file; return whether it has gone."""
        try:
            self.path.unlink(missing_ok=True)
        except NotADirectoryError:
            return True
        except OSError:
            return False
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
        self._data, length = read_own(path, SEGMENT_BYTES)
        found = list(scan(self._data))
        self.frames = [each for each in found if isinstance(each, Frame)]
        self.damages = [each for each in found if isinstance(each, Damage)]
        if not is_header(self._data, destination, instance_id):
            if header_of(self._data) is not None:
                # It was moved here, and its rows must not go to another table for that.
                raise OSError(errno.EPERM, f"{path} belongs to another directory")
            self._judge_header()
        self.size = len(self._data)
        self.is_too_long = length > SEGMENT_BYTES
        """Whether there is more in the file than a segment ever has."""
        if self.is_too_long:
            self.damages.append(Damage(SEGMENT_BYTES, SEGMENT_BYTES, 1))

    def _judge_header(self) -> None:
        if any(self._data[:HEADER_BYTES]) and self.frames:
            # Its directory names destination and instance as well, so that a damaged header costs no row.
            self.damages.insert(0, Damage(0, HEADER_BYTES, 0))
        elif any(self._data) and not self.frames:
            # Nothing says that it is ours, so all of it is kept.
            rows = sum(damage.rows for damage in self.damages)
            self.damages = [Damage(0, len(self._data), rows)]

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
    elif os.pwrite(descriptor, bytes(SEGMENT_BYTES), 0) != SEGMENT_BYTES:
        # Written, since a file that is only long has no room reserved. macOS has no posix_fallocate.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
