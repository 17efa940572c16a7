"""How the official client's requests reach the network: with answers read up to a limit, and plain.

Imports requests, so it is imported in a sender's thread only.
"""

import zlib
from typing import Any, Final

from azure.core.pipeline.transport import RequestsTransport
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are read. The service's errors take a few hundred; a proxy's page, or worse, may be
of any size, and would stand in memory whole, decompressed."""


class CappedTransport(RequestsTransport):  # type: ignore[misc]  # untyped where azure-core exports it
    """The client's own transport, but for how much of an answer it reads."""

    def _init_session(self, session: Session) -> None:
        super()._init_session(session)
        for scheme in ("https://", "http://"):
            session.mount(scheme, _CappedAdapter())


class _CappedAdapter(HTTPAdapter):
    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        response = super().send(request, *args, **options)
        raw = response.raw
        try:
            data = raw.read(LARGEST_ANSWER, decode_content=False)
            is_whole = len(data) < LARGEST_ANSWER
        except Exception:
            # The status has come, and it alone decides.
            data, is_whole = b"", False
        if is_whole:
            raw.release_conn()
        else:
            raw.close()
        # Where requests would keep the content that it reads itself; there is no other way to give it one.
        response._content = _decoded(data, response.headers.get("Content-Encoding", ""))  # noqa: SLF001
        return response


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() not in {"gzip", "deflate"}:
        return data
    try:
        return zlib.decompressobj(wbits=47).decompress(data, LARGEST_ANSWER)
    except zlib.error:
        return b""
