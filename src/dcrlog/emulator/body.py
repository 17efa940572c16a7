"""A request's body: from the wire to decoded rows, within the limits at every step."""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from dcrlog.emulator.answers import (
    MAX_BODY,
    MAX_CONTENT_LENGTH,
    Refusal,
    broken_gzip,
    malformed,
    too_large_decompressed,
    too_long,
)

READ_TIMEOUT: Final = 30.0
"""Seconds in which a body must arrive."""

_STEP: Final = 1 << 20
_MAX_OBJECTS: Final = 1_000_000
"""The emulator's own limit: 50 MiB of empty objects would be gigabytes of Python ones."""
_MAX_DEPTH: Final = 500
"""Another of its own: what is stored has to be read and shown, and that takes more of Python's stack."""


def declared_length(headers: Mapping[str, str]) -> int:
    """Return the length that the headers declare, before anything of the body is read.

    Raises:
        Refusal: There is none, it is over the limit, or a transfer coding makes it ambiguous.
    """
    declared = headers.get("content-length")
    if "transfer-encoding" in headers:
        if declared is not None:
            # Two lengths are how requests are smuggled past a check.
            raise Refusal(
                400,
                "BadRequest",
                "A request has either a Content-Length or a Transfer-Encoding.",
                Connection="close",
            )
        raise _length_required()
    if declared is None:
        raise _length_required()
    if int(declared) > MAX_CONTENT_LENGTH:
        raise too_long(int(declared))
    return int(declared)


async def read(request: Request, timeout: float) -> bytes:
    """Read the body from the wire; `declared_length` has limited it, and the server holds it to that.

    It may be read again.

    Raises:
        Refusal: It did not arrive in time.
    """
    try:
        async with asyncio.timeout(timeout):
            return await request.body()
    except TimeoutError:
        # The code and the word are documented for a connection that broke off while the body was read.
        raise Refusal(
            408,
            "TimeoutExpired",
            f"ReadyBody_ClientConnectionAbort: the body did not arrive in {timeout:.0f} s.",
            Connection="close",
        ) from None


def decompress(data: bytes) -> bytes:
    """Undo gzip without ever holding more than the limit.

    Raises:
        Refusal: The data is not whole and valid gzip, or there is too much inside.
    """
    pieces: list[bytes] = []
    size = 0
    while data:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                piece = stream.decompress(data, _STEP)
            except zlib.error:
                raise broken_gzip() from None
            data = stream.unconsumed_tail
            size += len(piece)
            if size > MAX_BODY:
                raise too_large_decompressed()
            if not piece and not data and not stream.eof:
                raise broken_gzip()
            pieces.append(piece)
        # Gzip allows several members, one after the other.
        data = stream.unused_data
    if not pieces:
        raise broken_gzip()
    return b"".join(pieces)


def decode(body: bytes) -> Any:
    """Decode JSON.

    Raises:
        Refusal: It is not JSON. NaN, Infinity and half a surrogate pair are not: one fails all rows.
    """
    # Counts braces within texts too, which no honest body has in such numbers.
    if body.count(b"{") + body.count(b"[") > _MAX_OBJECTS:
        raise Refusal(
            413,
            "PayloadSizeLimitExceeded",
            f"The body has more than {_MAX_OBJECTS} objects and arrays, which the emulator does not take.",
        )
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(str(error)) from None
    except RecursionError:
        raise malformed("it is nested too deeply") from None
    if _is_deeper(decoded, _MAX_DEPTH):
        raise malformed(f"it is nested more than {_MAX_DEPTH} levels deep")
    return decoded


def _is_deeper(value: Any, levels: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(levels + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _length_required() -> Refusal:
    return Refusal(411, "LengthRequired", "The request must have a Content-Length.")
