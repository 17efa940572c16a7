"""Input of any size, cut into lines or the elements of a JSON array, of which one is in memory at a time."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from dcrlog.errors import shown

MAX_PIECE: Final = 8 * 1024 * 1024
"""Bytes of a line or an element that is read whole. A row is at most 1 MB, after its values were cut."""

SHOWN: Final = 65_536
"""Bytes that are kept of what is longer than that, for the file of rejects."""

BLOCK: Final = 256 * 1024
BOM: Final = b"\xef\xbb\xbf"

_AT_ELEMENTS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_DEEPER: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{}]', re.DOTALL)
_IN_STRING: Final = re.compile(rb'["\\]')


class Format(StrEnum):
    """How the input is written."""

    NDJSON = "ndjson"
    ARRAY = "array"
    TEXT = "text"


class Unreadable(Exception):  # noqa: N818 - it is the input's fault, not the program's
    """An input cannot be cut any further; the text says why."""


class Readable(Protocol):
    """What is read from: a file, a pipe, or what comes out of gzip."""

    def read1(self, size: int, /) -> bytes:
        """Read so many bytes at most, none only at the end."""
        ...

    def readline(self, size: int, /) -> bytes:
        """Read a line, or so many bytes of it."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """What one row is to be made of.

    Attributes:
        number: Its line, or its place in the array, from 1 on.
        data: Its bytes, or the first of them where it is too long.
        end: How many bytes of the input, decompressed, are behind us with it.
        flaw: Why it cannot be a row; None where that is to be seen.
        is_ended: Whether its end was seen. A last line without one may be half a line.
    """

    number: int
    data: bytes
    end: int
    flaw: str | None = None
    is_ended: bool = True


def cut(stream: Readable, kind: Format, *, offset: int = 0, number: int = 0) -> Iterator[Piece]:
    """Yield the pieces of an input; blank ones count, and are passed over.

    Args:
        stream: The input, which stands at `offset`.
        kind: How it is written.
        offset: The `end` of the piece before, where it was read up to there already.
        number: The number of that piece.

    Raises:
        Unreadable: An array does not end, or there is something around it.
    """
    if kind is Format.ARRAY:
        return _Array(stream.read1, offset, number).pieces()
    return _lines(stream, offset, number)


def _lines(stream: Readable, offset: int, number: int) -> Iterator[Piece]:
    while line := stream.readline(MAX_PIECE + 1):
        number += 1
        is_first = offset == 0
        offset += len(line)
        is_ended = line.endswith(b"\n")
        flaw = None
        if len(line) > MAX_PIECE and not is_ended:
            length = len(line)
            line = line[:SHOWN]
            while not is_ended and (rest := stream.readline(BLOCK)):
                length += len(rest)
                offset += len(rest)
                is_ended = rest.endswith(b"\n")
            flaw = f"the line has {length} bytes; {MAX_PIECE} at most can be read"
        data = line.removeprefix(BOM) if is_first else line
        data = data.rstrip(b"\r\n")
        if data.strip() or flaw:
            yield Piece(number, data, offset, flaw, is_ended)


class _Array:
    """Finds the elements by counting brackets outside of strings; whether one is JSON, its reader finds out.

    So a broken element costs itself alone, and an endless one no memory.
    """

    def __init__(self, read: Callable[[int], bytes], offset: int, number: int) -> None:
        self._read = read
        self._number = number
        self._depth = 0 if offset == 0 else 1
        self._is_in_string = False
        self._is_escaped = False
        self._held = b""
        self._start = offset
        """Where in the input the held bytes begin."""
        self._dropped = 0
        """Bytes of the element that are not held any more, since it is too long."""

    def pieces(self) -> Iterator[Piece]:
        scanned = 0
        while block := self._read(BLOCK):
            buffer = self._held + block
            begin = 0
            for end, is_begin in self._separators(buffer, scanned):
                if is_begin:
                    _refuse_around(buffer[begin:end])
                else:
                    yield from self._piece(buffer[begin:end], self._start + end)
                begin = end + 1
            self._held = buffer[begin:]
            self._start += begin
            scanned = len(self._held)
            if scanned > MAX_PIECE:
                self._dropped += scanned - SHOWN
                self._start += scanned - SHOWN
                self._held, scanned = self._held[:SHOWN], SHOWN
        if self._depth:
            raise Unreadable("the array does not end")
        _refuse_around(self._held)

    def _separators(self, buffer: bytes, position: int) -> Iterator[tuple[int, bool]]:
        """Yield where an element ends, in what is new: at a comma or the bracket that ends the array.

        And where the array begins, which is told from these.
        """
        while position < len(buffer):
            if self._is_in_string:
                position = self._skip_string(buffer, position)
                continue
            found = (_AT_ELEMENTS if self._depth <= 1 else _DEEPER).search(buffer, position)
            if found is None:
                return
            position = found.end()
            token = found[0]
            if len(token) > 1:
                continue
            if token == b'"':
                # Its end is not in what was read so far.
                self._is_in_string = True
            elif self._depth == 0:
                if token == b"[":
                    self._depth = 1
                    yield found.start(), True
            elif token in b"[{":
                self._depth += 1
            elif token in b"]}":
                self._depth -= 1
                if self._depth == 0:
                    yield found.start(), False
            elif self._depth == 1:
                yield found.start(), False

    def _skip_string(self, buffer: bytes, position: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            return position + 1
        found = _IN_STRING.search(buffer, position)
        if found is None:
            return len(buffer)
        self._is_in_string = found[0] != b'"'
        self._is_escaped = self._is_in_string
        return found.end()

    def _piece(self, data: bytes, end: int) -> Iterator[Piece]:
        dropped, self._dropped = self._dropped, 0
        data = data.strip()
        if not data:
            return
        self._number += 1
        flaw = None
        if dropped or len(data) > MAX_PIECE:
            flaw = f"the element has {dropped + len(data)} bytes; {MAX_PIECE} at most can be read"
        yield Piece(self._number, data[:SHOWN] if flaw else data, end, flaw)


def _refuse_around(data: bytes) -> None:
    data = data.removeprefix(BOM).strip()
    if data:
        raise Unreadable(f"{shown(data[:40].decode('utf-8', 'backslashreplace'))} is no part of the array")
