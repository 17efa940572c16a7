"""The files that are sent: opened, decompressed, looked into, and found again where they were left."""

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from dcrlog.cli.sending.pieces import BLOCK, BOM, Format
from dcrlog.errors import ConfigError, shown

STDIN: Final = "-"
_GZIP: Final = b"\x1f\x8b"
_HEAD: Final = 4_096
FAILURES: Final = (OSError, EOFError, zlib.error)
"""What reading raises where an input is damaged or gone; a file that is no gzip after all is an OSError."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input.

    Attributes:
        name: Its path, or `-` for standard input.
    """

    name: str

    @property
    def size(self) -> int | None:
        """Bytes of the file, as it is; None where nobody knows."""
        path = Path(self.name)
        return path.stat().st_size if self.name != STDIN and path.is_file() else None

    def check(self) -> None:
        """Find out whether it can be opened.

        Raises:
            ConfigError: It cannot.
        """
        path = Path(self.name)
        try:
            # A pipe can be opened once only: what is read here would be missing there.
            if self.name != STDIN and (path.is_file() or path.is_dir() or not path.exists()):
                path.open("rb").close()
        except OSError as error:
            raise ConfigError(f"the file {shown(self.name)} cannot be read: {error.strerror}.") from None

    def fingerprint(self) -> dict[str, Any] | None:
        """Return what tells the file from another of its name, though more may be written behind it."""
        if self.size is None:
            return None
        with Path(self.name).open("rb") as file:
            head = file.read(_HEAD)
        return {"bytes": len(head), "sha256": hashlib.sha256(head).hexdigest()}

    def is_still(self, fingerprint: dict[str, Any] | None) -> bool:
        """Whether the file begins as it did when it had this fingerprint."""
        if fingerprint is None or self.size is None:
            return fingerprint is None
        with Path(self.name).open("rb") as file:
            head = file.read(fingerprint["bytes"])
        return bool(hashlib.sha256(head).hexdigest() == fingerprint["sha256"])

    @contextmanager
    def open(self) -> Iterator["Opened"]:
        """Open it, and decompress what begins as gzip does.

        Raises:
            OSError: It cannot be opened.
        """
        if self.name == STDIN:
            yield Opened(sys.stdin.buffer, None)
            return
        with io.BufferedReader(io.FileIO(self.name), BLOCK) as file:
            yield Opened(file, file if self.size is not None else None)


class _Gunzip(io.RawIOBase):
    """Gives what there is so far, where `GzipFile` would lose a block before the end of a damaged file."""

    def __init__(self, raw: Any) -> None:
        self._file = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Opened:
    """An open input.

    Args:
        raw: What the bytes come from.
        file: The file, of which it is asked how far it was read; None for a pipe.
    """

    def __init__(self, raw: Any, file: BinaryIO | None) -> None:
        self._file = file
        begin = raw.peek(len(_GZIP))[: len(_GZIP)]
        self.is_gzip = begin == _GZIP
        self.stream: Any = io.BufferedReader(_Gunzip(raw), BLOCK) if self.is_gzip else raw

    def tell(self) -> int:
        """Return how many bytes of the file, as it is, were read."""
        return 0 if self._file is None else self._file.tell()

    def find_format(self) -> Format:
        """Return how records stand in it, by the first character that is not blank; it is read no further."""
        begin = self.stream.peek(_HEAD).removeprefix(BOM).lstrip()
        return Format.ARRAY if begin.startswith(b"[") else Format.NDJSON

    def skip(self, offset: int) -> None:
        """Go to a place in the decompressed input.

        Raises:
            EOFError: It ends before.
        """
        left = offset
        if self._file is not None and not self.is_gzip:
            if offset > self._file.seek(0, io.SEEK_END):
                raise EOFError("it is shorter than it was")
            self.stream.seek(offset)
            return
        while left:
            block = self.stream.read(min(left, BLOCK))
            if not block:
                raise EOFError("it is shorter than it was")
            left -= len(block)
