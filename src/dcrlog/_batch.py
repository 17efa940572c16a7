r"""A batch: the rows of one request, their exact size, and the body they make.

Pure. Rows are joined with `,\n`: JSON text has no raw newline, so a body splits back into its rows
without an index.
"""

import zlib
from collections.abc import Callable
from typing import Final

MAX_BODY_BYTES: Final = 1_000_000
"""The service answers 413 above 1,048,576 bytes; the rest is headroom."""

ROW_OVERHEAD: Final = 64
"""Bytes that a waiting row costs beyond its own: the object's header and its place in a list."""

_SEPARATOR: Final = b",\n"
SEPARATOR_BYTES: Final = len(_SEPARATOR)
_PACKED_OVERHEAD: Final = 1_024


class Batch:
    """Rows in the order of their `Seq`, open for more until it is sealed.

    Attributes:
        first_seq: The `Seq` of its first row.
        opened_at: When its first row came, in seconds of the clock's monotonic scale.
        open_rows: The rows, until the batch is packed.
        count: How many rows it has, once it is sealed.
        size: Bytes of its body, brackets and separators included.
        attempts: How often it was sent without success.
        charge: Bytes that the queue has counted for it since it was sealed.
    """

    __slots__ = ("_packed", "attempts", "charge", "count", "first_seq", "open_rows", "opened_at", "size")

    def __init__(self, first_seq: int, opened_at: float) -> None:
        self.first_seq = first_seq
        self.opened_at = opened_at
        self.open_rows: list[bytes] = []
        self.size = 0
        self.count = 0
        self.attempts = 0
        self.charge = 0
        self._packed: bytes | None = None

    def append(self, row: bytes) -> bool:
        """Add a row if the body stays within `MAX_BODY_BYTES` with it, and return whether it was added."""
        # Two brackets and n - 1 separators are as many bytes as n separators.
        size = self.size + len(row) + SEPARATOR_BYTES
        if size > MAX_BODY_BYTES:
            return False
        self.open_rows.append(row)
        self.size = size
        return True

    def seal(self) -> None:
        """Fix the number of rows and what they cost."""
        self.count = len(self.open_rows)
        self.charge = self.cost

    @property
    def cost(self) -> int:
        """Bytes it holds of the queue's capacity."""
        if self._packed is not None:
            return len(self._packed) + _PACKED_OVERHEAD
        return self.size + self.count * (ROW_OVERHEAD - SEPARATOR_BYTES)

    def pack(self) -> bytes:
        """Return the gzipped body; the rows themselves are let go on the first call."""
        if self._packed is None:
            self._packed = compress(b"[%b]" % _SEPARATOR.join(self.open_rows))
            self.open_rows = []
        return self._packed

    def rows(self) -> list[bytes]:
        """Return the rows."""
        if self._packed is None:
            return list(self.open_rows)
        return split_body(zlib.decompress(self._packed, wbits=31))


def split_body(body: bytes) -> list[bytes]:
    """Return the rows of a body that `Batch.pack` made."""
    return body[1:-1].split(_SEPARATOR)


def compress(body: bytes) -> bytes:
    """Gzip a body at the level that costs least for what it saves; with isal where it is installed."""
    global _compress  # noqa: PLW0603 - chosen once, at the first body and not at import
    if _compress is None:
        _compress = _choose_codec()
    return _compress(body)


_compress: Callable[[bytes], bytes] | None = None


def _choose_codec() -> Callable[[bytes], bytes]:
    try:
        from isal import isal_zlib
    except ImportError:
        return _zlib_gzip
    return lambda body: bytes(isal_zlib.compress(body, 1, wbits=31))


def _zlib_gzip(body: bytes) -> bytes:
    return zlib.compress(body, 1, wbits=31)
