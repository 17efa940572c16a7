r"""Rows as frames of a segment file, and what can be read back of one that is damaged.

Pure. A segment is a header, frames, and zeros up to its reserved length:

    header   magic 8s | destination 32s | instance 12s | created, ns u64 | CRC-32 of these u32
    frame    marker 4s | length u32 | Seq u64 | flags u16 | CRC-32 of these u32 | row | CRC-32 of the row u32

The two checksums of a frame are apart, so that a damaged row costs that row only; a damaged header costs the
bytes up to the next marker, which is no UTF-8 and so stands in no row. All numbers are big-endian.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEGMENT_BYTES: Final = 1024 * 1024
"""What a segment that is written takes on the disk, and so more than any of its rows."""

MAGIC: Final = b"dcrlog\x00\x01"
MARKER: Final = b"\xf5\xfe\xff\xf8"

_SEGMENT: Final = struct.Struct(">8s32s12sQ")
_FRAME: Final = struct.Struct(">4sIQH")
_CHECKSUM: Final = struct.Struct(">I")

HEADER_BYTES: Final = _SEGMENT.size + _CHECKSUM.size
FRAME_BYTES: Final = _FRAME.size + 2 * _CHECKSUM.size
"""Bytes that a frame takes beyond its row."""

_ROW_AT: Final = _FRAME.size + _CHECKSUM.size


@dataclass(frozen=True, slots=True)
class Frame:
    """A row that was read back."""

    seq: int
    row: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no frame, though one was there.

    Attributes:
        start: Where they begin.
        end: Where they end.
        rows: How many rows they were, as far as that can be told; at least 1.
    """

    start: int
    end: int
    rows: int


def segment_header(destination: bytes, instance_id: str, created: int) -> bytes:
    """Return the first bytes of a segment.

    Args:
        destination: A SHA-256 of where its rows go.
        instance_id: The instance that accepted them, 24 hexadecimal digits.
        created: When, in nanoseconds since 1970.
    """
    header = _SEGMENT.pack(MAGIC, destination, bytes.fromhex(instance_id), created)
    return header + _CHECKSUM.pack(zlib.crc32(header))


def header_of(data: bytes) -> tuple[str, str] | None:
    """Return destination and instance of a segment's header, as hexadecimal digits; None without one."""
    header = data[: _SEGMENT.size]
    if len(data) < HEADER_BYTES or data[_SEGMENT.size : HEADER_BYTES] != _CHECKSUM.pack(zlib.crc32(header)):
        return None
    magic, destination, instance, _ = _SEGMENT.unpack(header)
    return (destination.hex(), instance.hex()) if magic == MAGIC else None


def is_header(data: bytes, destination: bytes, instance_id: str) -> bool:
    """Whether a file begins as a segment of this destination and instance."""
    return header_of(data) == (destination.hex(), instance_id)


def frame_parts(seq: int, row: bytes) -> tuple[bytes, bytes]:
    """Return what a frame has before and after the row's own bytes."""
    head = _FRAME.pack(MARKER, len(row), seq, 0)
    return head + _CHECKSUM.pack(zlib.crc32(head)), _CHECKSUM.pack(zlib.crc32(row))


def scan(data: bytes) -> Iterator[Frame | Damage]:
    """Return the frames after a segment's header, whatever state it is in. Raises nothing.

    Zeros behind the last frame are none of a row that was acknowledged: a row's header is written last. In a
    segment that has been cut to its length, where it was sealed, there are none, and so they are damage.
    """
    at, last_seq = HEADER_BYTES, 0
    is_sealed = len(data) < SEGMENT_BYTES and any(data[:HEADER_BYTES])
    while at < len(data):
        found = _frame_at(data, at)
        if found is None:
            next_at, next_seq = _next_frame(data, at)
            if next_at == len(data) and not is_sealed and not any(data[at : at + _ROW_AT]):
                return
            # The bytes hold no more rows than their frames had room for, whatever the numbers say.
            rows = max(1, min(next_seq - last_seq - 1, (next_at - at) // FRAME_BYTES)) if next_seq else 1
            yield Damage(at, next_at, rows)
            at = next_at
            continue
        last_seq, row, end = found
        yield Damage(at, end, 1) if row is None else Frame(last_seq, row)
        at = end


def _frame_at(data: bytes, at: int) -> tuple[int, bytes | None, int] | None:
    """Return a frame's `Seq`, its row unless that is damaged, and its end; None where no header is whole."""
    head = data[at : at + _FRAME.size]
    if len(head) < _FRAME.size or data[at + _FRAME.size : at + _ROW_AT] != _CHECKSUM.pack(zlib.crc32(head)):
        return None
    marker, length, seq, _ = _FRAME.unpack(head)
    # Before anything is read by it: a length is checked against what a segment may have, and the file.
    if marker != MARKER or length > SEGMENT_BYTES:
        return None
    end = at + FRAME_BYTES + length
    row = data[at + _ROW_AT : end - _CHECKSUM.size]
    is_whole = data[end - _CHECKSUM.size : end] == _CHECKSUM.pack(zlib.crc32(row))
    return seq, row if is_whole else None, min(end, len(data))


def _next_frame(data: bytes, at: int) -> tuple[int, int | None]:
    """Return where the next header is, and its `Seq`; the end of the data where there is none."""
    while (at := data.find(MARKER, at + 1)) >= 0:
        found = _frame_at(data, at)
        if found is not None:
            return at, found[0]
    return len(data), None
