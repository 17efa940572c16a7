"""Dead letters: rows that the service has refused for good, kept in the spool's `dead/` with its answer.

One JSON file a row, whose name begins with the time: the oldest is the first.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from dcrlog._home import check_own, read_own

DEAD: Final = "dead"
LETTER_NAME: Final = re.compile(r"([0-9]{20})-([0-9a-f]{24})-([0-9]{1,19})\.json\Z", re.ASCII)

_MOST_BYTES: Final = 8 * 1024 * 1024
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the service has refused, and what it said.

    Attributes:
        destination: A SHA-256 of where it was sent, in hexadecimal digits.
        instance_id: The instance that accepted it.
        seq: Its `Seq`.
        time: When it was given up, in UTC.
        status: The answer's HTTP status; None where no answer came.
        code: The answer's code.
        message: The answer in words, at most 2 KB of them.
        row: The row with its stamp: an object, or text where it is no JSON.
    """

    destination: str
    instance_id: str
    seq: int
    time: str
    status: int | None
    code: str
    message: str
    row: msgspec.Raw

    def row_bytes(self) -> bytes:
        """Return the row as it was sent."""
        row = bytes(self.row)
        return msgspec.json.decode(row, type=str).encode() if row.startswith(b'"') else row


def open_directory(path: Path) -> int:
    """Open a directory of the spool, for calls that take a `dir_fd`.

    Raises:
        OSError: It is no directory, or belongs to another user.
    """
    descriptor = os.open(path, _DIRECTORY)
    try:
        check_own(os.fstat(descriptor), f"{path.name}/")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a directory as `open_directory` does, for a while."""
    descriptor = open_directory(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_file(directory: int, name: str, most: int = _MOST_BYTES) -> bytes:
    """Read a file in an open directory, whole.

    Raises:
        OSError: It cannot be read, or is no file of this user, or is too large.
    """
    data, length = read_own(name, most, directory=directory)
    if length > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes")
    return data


def names_in(directory: int) -> list[str]:
    """Return the names in an open directory, in their order: that of time, where they begin with it."""
    return sorted(os.listdir(directory))


def read_letter(directory: int, name: str) -> Letter:
    """Read a dead letter.

    Raises:
        OSError: It cannot be read.
        ValueError: It is none.
    """
    letter = msgspec.json.decode(read_file(directory, name), type=Letter)
    found = LETTER_NAME.match(name)
    if found is None or (letter.instance_id, letter.seq) != (found[2], int(found[3])):
        raise ValueError("it is of another row than its name says")
    return letter
