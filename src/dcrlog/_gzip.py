"""Bodies, gzipped."""

import zlib
from collections.abc import Callable

from dcrlog._forking import FORK_GUARD


def compress(body: bytes) -> bytes:
    """Gzip a body at the level that costs least for what it saves; with isal where it is installed."""
    global _compress  # noqa: PLW0603 - chosen once, at the first body and not at import
    if _compress is None:
        _compress = _choose_codec()
    return _compress(body)


_compress: Callable[[bytes], bytes] | None = None


def _choose_codec() -> Callable[[bytes], bytes]:
    try:
        with FORK_GUARD.section():
            from isal import isal_zlib
    except ImportError:
        return _zlib_gzip
    return lambda body: bytes(isal_zlib.compress(body, 1, wbits=31))


def _zlib_gzip(body: bytes) -> bytes:
    return zlib.compress(body, 1, wbits=31)


def decompress(packed: bytes) -> bytes:
    """Return a body that `compress` has made smaller."""
    return zlib.decompress(packed, wbits=31)
