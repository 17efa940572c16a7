"""Writing dead letters, within a cap.

Each is written under a hidden name, then renamed, so that whoever sees one sees all of it. All processes of a
spool share the directory and its cap; nobody holds a lock to add to it or to make room in it.
"""

import datetime as dt
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from dcrlog._batch import Batch
from dcrlog._clock import Clock
from dcrlog._home import prepare_home
from dcrlog._leaves import stamp
from dcrlog._letters import DEAD, LETTER_NAME, Letter, names_in, opened
from dcrlog._report import Report
from dcrlog._retry import Answer

DEAD_BYTES: Final = 64 * 1024 * 1024
"""What the dead letters of all processes may take."""


_MOST_TEXT: Final = 2_048
_BLOCK: Final = 4_096
_SLACK: Final = 16
"""This part of the cap may be added before the directory is looked through again."""

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


class DeadLetters:
    """Writes the dead letters of one instance. Needs no lock of the caller's.

    Args:
        home: The directory that `prepare` has returned.
        destination: A SHA-256 of where the rows go.
        clock: What time is read from.
        report: Is told when the disk fails, or the cap is reached.
        count: Adds to a counter of `Stats`.
        is_synced: Whether a letter must reach the disk before its row may leave the spool.
        capacity: Bytes that all letters may take.
    """

    def __init__(
        self,
        home: Path,
        destination: bytes,
        *,
        clock: Clock,
        report: Report,
        count: Callable[[str, int], None],
        is_synced: bool = False,
        capacity: int = DEAD_BYTES,
    ) -> None:
        self._home = home
        self._destination = destination.hex()
        self._clock = clock
        self._report = report
        self._count = count
        self._is_synced = is_synced
        self._capacity = capacity
        self._writing = threading.Lock()
        self._used = self._added = capacity

    def keep(self, batch: Batch, answer: Answer) -> bool:
        """Write the one row of a batch, and the answer that refused it; return whether it is on the disk."""
        ((seq, row),) = batch.numbered()
        now = self._clock.time()
        letter = Letter(
            destination=self._destination,
            instance_id=batch.instance_id,
            seq=seq,
            time=stamp(dt.datetime.fromtimestamp(now, dt.UTC)),
            status=answer.status,
            code=_text(answer.code),
            message=_text(answer.message),
            row=_raw(row),
        )
        data = msgspec.json.encode(letter)
        name = f"{int(now * 1e9):020d}-{batch.instance_id}-{seq}.json"
        try:
            with self._writing:
                prepare_home(self._home)
                with suppress(FileExistsError):
                    (self._home / DEAD).mkdir(0o700)
                with opened(self._home / DEAD) as directory:
                    self._make_room(directory, _cost(len(data)))
                    self._write(directory, name, data)
        except OSError as error:
            self._report.say(f"spool {self._home}: {error.strerror}; rows that were refused are not kept")
            return False
        return True

    def _write(self, directory: int, name: str, data: bytes) -> None:
        hidden = f".{name}"
        descriptor = os.open(hidden, _CREATE, 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if self._is_synced:
                    os.fsync(file.fileno())
            os.rename(hidden, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(hidden, dir_fd=directory)
            raise
        if self._is_synced:
            os.fsync(directory)

    def _make_room(self, directory: int, cost: int) -> None:
        """Delete the oldest letters where the cap would be passed.

        What others have added meanwhile is seen when it is looked through, and not at each letter.
        """
        self._used += cost
        self._added += cost
        slack = self._capacity // _SLACK
        if self._used <= self._capacity and self._added <= slack:
            return
        letters = sorted(_letters(directory))
        self._used = cost + sum(size for _, _, size in letters)
        self._added = 0
        if self._used <= self._capacity:
            return
        dropped = 0
        for _, name, size in letters:
            if self._used <= self._capacity - slack:
                break
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
                dropped += 1
            self._used -= size
        self._count("dead_dropped", dropped)
        self._report.say(
            f"spool {self._home}: {DEAD}/ is full; the oldest {dropped} dead letters are deleted"
        )


def _letters(directory: int) -> Iterator[tuple[str, str, int]]:
    """Return for each letter what sorts by age, its name, and what it takes.

    Hidden ones too: a process that was killed may have left them.
    """
    for name in names_in(directory):
        plain = name.removeprefix(".")
        if LETTER_NAME.match(plain):
            with suppress(OSError):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield plain, name, _cost(status.st_size)


def _cost(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace")[:_MOST_TEXT].decode("utf-8", "ignore")


def _raw(row: bytes) -> msgspec.Raw:
    """Return a row as it is where it is JSON, so that it is read with any tool; else as text."""
    try:
        msgspec.json.decode(row)
    except (ValueError, RecursionError):
        row = msgspec.json.encode(row.decode("utf-8", "backslashreplace"))
    return msgspec.Raw(row)
