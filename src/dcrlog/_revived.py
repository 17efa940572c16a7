"""Dead letters on their way back to the service, and which of them have come to an end."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dcrlog._batch import MAX_BODY_BYTES, Batch
from dcrlog._home import fcntl
from dcrlog._letters import DEAD, LETTER_NAME, names_in, open_directory, read_letter
from dcrlog._stamp import Stamp


class Revived:
    """Reads the dead letters of one destination, and deletes each when its row is settled.

    Where they were sent is compared, and never decides where they go.

    Args:
        home: The directory that `prepare` has returned.
        destination: A SHA-256 of where they are sent now.

    Attributes:
        found: How many letters there are for this destination.
        delivered: How many of them the service has taken.
        dead: How many it has refused again.
        elsewhere: How many are for other destinations.
        unreadable: How many cannot be read.

    Raises:
        BlockingIOError: Somebody else is about to send, or to delete, them.
        OSError: The directory cannot be read.
    """

    def __init__(self, home: Path, destination: bytes) -> None:
        self.found = self.delivered = self.dead = self.elsewhere = self.unreadable = 0
        self._directory = home / DEAD
        self._names: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._rows: dict[str, dict[int, bytes]] = defaultdict(dict)
        self._counting = threading.Lock()
        self._descriptor = -1
        try:
            self._descriptor = lock_letters(self._directory)
        except FileNotFoundError:
            return
        for name in names_in(self._descriptor):
            if LETTER_NAME.match(name):
                self._read(name, destination.hex())

    def _read(self, name: str, destination: str) -> None:
        try:
            letter = read_letter(self._descriptor, name)
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            self.unreadable += 1
            return
        if letter.destination != destination:
            self.elsewhere += 1
            return
        self.found += 1
        # One row may be there twice, where a process was killed before it was settled.
        self._names[letter.instance_id, letter.seq].append(name)
        self._rows[letter.instance_id][letter.seq] = letter.row_bytes()

    @property
    def left(self) -> int:
        """How many letters of this destination are still there as they were."""
        return self.found - self.delivered - self.dead

    def batches(self, now: float) -> Iterator[Batch]:
        """Return the rows as batches, each once.

        Args:
            now: Seconds of the clock's monotonic scale.
        """
        for instance_id, rows in self._rows.items():
            # They have their stamps.
            stamp = Stamp(None, None, instance_id)
            size, some = 0, list[tuple[int, bytes]]()
            for seq, row in sorted(rows.items()):
                cost = len(row) + 2
                if some and size + cost > MAX_BODY_BYTES:
                    yield _batch(stamp, now, some)
                    size, some = 0, []
                size += cost
                some.append((seq, row))
            yield _batch(stamp, now, some)
        self._rows.clear()

    def note(self, batch: Batch, *, is_delivered: bool) -> None:
        """Delete the letters of rows that were delivered, or that are dead letters again by now."""
        for first, last in batch.ranges():
            for seq in range(first, last + 1):
                for name in self._names.pop((batch.instance_id, seq), ()):
                    with suppress(OSError):
                        (self._directory / name).unlink(missing_ok=True)
                        self._add(is_delivered)

    def _add(self, is_delivered: bool) -> None:
        with self._counting:
            if is_delivered:
                self.delivered += 1
            else:
                self.dead += 1

    def close(self) -> None:
        """Let others send what is left."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def lock_letters(directory: Path) -> int:
    """Open the directory of the dead letters and lock it, against others that send or delete them.

    Raises:
        BlockingIOError: Somebody else has the lock.
        OSError: There is none, or it is not this user's.
    """
    descriptor = open_directory(directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _batch(stamp: Stamp, now: float, rows: list[tuple[int, bytes]]) -> Batch:
    batch = Batch.adopted(stamp, now, None, rows)
    # Each was proved guilty before, so that one refusal more is enough.
    batch.refused_at = -1
    return batch
