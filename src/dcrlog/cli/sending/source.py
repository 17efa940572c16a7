"""The files that are sent: opened, decompressed, looked into, and found again where they were left."""

import gzip
import io
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from dcrlog.cli.output import warn
from dcrlog.cli.sending.pieces import BLOCK, BOM, Format, Unreadable
from dcrlog.errors import ConfigError, shown

STDIN: Final = "-"
TAIL_BYTES: Final = 4_096
"""What `Opened.skip` returns at most."""

FAILURES: Final = (OSError, EOFError, zlib.error, Unreadable)
"""What reading raises where an input is damaged or gone; a file that is no gzip after all is an OSError."""

_HEAD: Final = 4_096
_GZIP: Final = b"\x1f\x8b"
_REMEDIES: Final = {
    b"\xff\xfe": "is in UTF-16. Make it UTF-8 first: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "is in UTF-16. Make it UTF-8 first: iconv -f UTF-16 -t UTF-8",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd. Unpack it first: zstd -dc FILE | dcrlog send -",
    b"\xfd7zXZ\x00": "is compressed by xz. Unpack it first: xz -dc FILE | dcrlog send -",
    b"BZh91AY&SY": "is compressed by bzip2. Unpack it first: bzip2 -dc FILE | dcrlog send -",
    b"PK\x03\x04": "is a zip archive. Unpack it first: unzip -p FILE | dcrlog send -",
}
"""How an input begins that would be nothing but unusable lines, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input.

    Attributes:
        name: Its path, or `-` for standard input.
    """

    name: str

    @property
    def path(self) -> str:
        """A name that is the same from wherever the command is run."""
        return self.name if self.name == STDIN else str(Path(self.name).absolute())

    @property
    def size(self) -> int | None:
        """Bytes of the file, as it is; None where nobody knows."""
        path = Path(self.name)
        return path.stat().st_size if self.name != STDIN and path.is_file() else None

    def check(self) -> None:
        """Find out whether it can be sent.

        Raises:
            ConfigError: It cannot.
        """
        path = Path(self.name)
        try:
            # A pipe can be opened once only: what is read here would be missing there.
            if self.name != STDIN and (path.is_file() or path.is_dir() or not path.exists()):
                self.open().close()
        except FAILURES as error:
            told = getattr(error, "strerror", None) or error
            raise ConfigError(f"the file {shown(self.name)} cannot be read: {told}.") from None

    def open(self) -> "Opened":
        """Open it, and decompress what begins as gzip does. Waits for the first bytes of a pipe.

        Raises:
            OSError: It cannot be opened.
            ConfigError: It begins as something does that cannot be sent.
        """
        if self.name != STDIN:
            file = io.BufferedReader(io.FileIO(self.name), BLOCK)
            try:
                return Opened(self.name, file, file if self.size is not None else None)
            except BaseException:
                file.close()
                raise
        if sys.stdin is None:
            raise ConfigError("standard input is closed: name a file, or pipe something in.")
        if sys.stdin.isatty():
            warn("send", "reads from the terminal; Ctrl-D on a line of its own ends the input.")
        return Opened(self.name, sys.stdin.buffer, None)


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
        name: Its name.
        raw: What the bytes come from.
        file: The file, of which it is asked how far it was read; None for a pipe.

    Attributes:
        stream: Its bytes, decompressed.
        is_gzip: Whether they are compressed in the file.

    Raises:
        ConfigError: It begins as something does that cannot be sent.
    """

    def __init__(self, name: str, raw: Any, file: BinaryIO | None) -> None:
        self._name = name
        self._raw = raw
        self._file = file
        self.is_gzip = raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
        self.stream: Any = io.BufferedReader(_Gunzip(raw), BLOCK) if self.is_gzip else raw
        begin = self.stream.peek(_HEAD)
        for magic, remedy in _REMEDIES.items():
            if begin.startswith(magic):
                raise ConfigError(f"{shown(name)} {remedy}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, but not standard input, which is not ours."""
        if self._name != STDIN:
            self._raw.close()

    def tell(self) -> int:
        """Return how many bytes of the file, as it is, were read."""
        return 0 if self._file is None else self._file.tell()

    def find_format(self) -> Format:
        """Return how records stand in it, by the first character that is not blank; it is read no further."""
        begin = self.stream.peek(_HEAD).removeprefix(BOM).lstrip()
        return Format.ARRAY if begin.startswith(b"[") else Format.NDJSON

    def skip(self, offset: int) -> bytes:
        """Go to a place in the decompressed input; return the last bytes before it.

        Raises:
            EOFError: It ends before.
        """
        left, tail = offset, b""
        if self._file is not None and not self.is_gzip:
            left = min(offset, TAIL_BYTES)
            self._file.seek(offset - left)
        while left:
            block = self.stream.read(min(left, BLOCK))
            if not block:
                raise EOFError(
                    "it is shorter than it was. Give the same again, or delete the checkpoint to begin anew"
                )
            left -= len(block)
            tail = (tail + block)[-TAIL_BYTES:]
        return tail
