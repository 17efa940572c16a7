"""What did not become a row of the table: told, and kept in a file of its own."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dcrlog.cli.output import warn
from dcrlog.errors import ConfigError, DcrlogError, shown

_MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece stands.

    Attributes:
        file: The input's name.
        word: `line` or `element`.
        number: Which of them, from 1 on.
    """

    file: str
    word: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}, {self.word} {self.number}"


class Rejects:
    """Keeps what was rejected, one JSON object a line, each once. What is in the file is never changed.

    Args:
        path: The file. It is made when it is needed, and added to where it is there already.
        input_id: Tells what this input has left there from what others have.
        length: How long it was at the checkpoint; what stands behind may be met again.

    Raises:
        ConfigError: It cannot be written.
    """

    def __init__(self, path: Path, input_id: str, length: int | None = None) -> None:
        self._path = path
        self._input_id = input_id
        self._descriptor: int | None = None
        self._told = 0
        self._known: set[tuple[str, int]] = set()
        if path.exists():
            try:
                self._open()
                if length is not None and path.is_file():
                    self._known.update(self._find(length))
            except OSError as error:
                raise ConfigError(self._trouble(error)) from None
        elif not os.access(path.parent, os.W_OK):
            raise ConfigError(
                f"the file of rejects {shown(str(path))} cannot be made: there is no such directory, or it "
                "cannot be written. Name another with --rejects."
            )

    @property
    def length(self) -> int:
        """Bytes that are in the file."""
        return 0 if self._descriptor is None else os.fstat(self._descriptor).st_size

    def add(self, place: Place, reason: str, text: str) -> None:
        """Keep a piece, and name the first of them on stderr.

        Raises:
            DcrlogError: The file cannot be written.
        """
        if (place.file, place.number) in self._known:
            return
        told = {"file": place.file, place.word: place.number, "reason": reason, "text": text}
        line = json.dumps({**told, "input_id": self._input_id}).encode() + b"\n"
        try:
            self._open()
            self._write(line)
        except OSError as error:
            raise DcrlogError(self._trouble(error)) from None
        self._told += 1
        if self._told <= _MOST_TOLD:
            warn("send", f"{place}: {reason}.")
        elif self._told == _MOST_TOLD + 1:
            warn("send", f"further ones are in {self._path} only.")

    def sync(self) -> None:
        """Have all of it on the disk, before a checkpoint counts on it.

        Raises:
            DcrlogError: The disk fails.
        """
        # A device or a pipe is on no disk.
        if self._descriptor is not None and self._path.is_file():
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise DcrlogError(self._trouble(error)) from None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def _write(self, line: bytes) -> None:
        assert self._descriptor is not None
        left = memoryview(line)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def _find(self, length: int) -> Iterator[tuple[str, int]]:
        """Yield the places that this input has left behind a length of the file."""
        with self._path.open("rb") as file:
            file.seek(length)
            for line in file:
                try:
                    told = json.loads(line)
                    if told["input_id"] == self._input_id:
                        yield told["file"], told.get("line") or told["element"]
                except (ValueError, TypeError, KeyError):
                    # Not ours, or cut off where the disk was full.
                    continue

    def _trouble(self, error: OSError) -> str:
        return (
            f"the file of rejects {shown(str(self._path))} cannot be written: {error.strerror}. "
            "Name another with --rejects."
        )
