"""What no row can be made of: told, and kept in a file of its own."""

import json
import os
import sys
from pathlib import Path
from typing import BinaryIO, Final

from dcrlog.cli.sending.pieces import SHOWN, Format, Piece
from dcrlog.errors import DcrlogError, printable, shown

_MOST_TOLD: Final = 20


class Rejects:
    """Keeps rejected pieces, one JSON object a line, with the input, the line and the reason.

    Args:
        path: The file. It is made when it is needed, and added to where it is there already.
        length: Where a checkpoint says how long it was: what came after it, comes again.
    """

    def __init__(self, path: Path, length: int | None = None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._told = 0
        if length is not None and path.exists() and path.stat().st_size > length:
            os.truncate(path, length)
        self.length = path.stat().st_size if path.exists() else 0

    def add(self, source: str, kind: Format, piece: Piece, reason: str) -> None:
        """Keep a piece, and name the first of them on stderr.

        Raises:
            DcrlogError: The file cannot be written.
        """
        word = "element" if kind is Format.ARRAY else "line"
        told = {
            "file": source,
            word: piece.number,
            "reason": reason,
            "text": piece.data[:SHOWN].decode("utf-8", "backslashreplace"),
        }
        line = json.dumps(told).encode() + b"\n"
        try:
            self._file = self._file or self._path.open("ab")
            self._file.write(line)
        except OSError as error:
            raise DcrlogError(
                f"the file of rejects {shown(str(self._path))} cannot be written: {error.strerror}. "
                "Name another with --rejects."
            ) from None
        self.length += len(line)
        self._told += 1
        if self._told <= _MOST_TOLD:
            print(f"dcrlog send: {printable(source)}, {word} {piece.number}: {reason}.", file=sys.stderr)
        elif self._told == _MOST_TOLD + 1:
            print(f"dcrlog send: further ones are in {printable(str(self._path))} only.", file=sys.stderr)

    def flush(self) -> None:
        """Hand over to the system what was written, before a checkpoint counts on it."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
