"""How the official client's requests reach the network.

No fork falls into the making of a connection, and of an answer no more is read than there is use for.
Imports requests, so it is imported in a sender's thread only.
"""

import threading
import weakref
import zlib
from typing import Any, Final

from azure.core.pipeline.transport import RequestsTransport
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from dcrlog._forking import FORK_GUARD, RENEWALS

LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are read. The service's errors take a few hundred; a proxy's page, or worse, may be
of any size, and would stand in memory whole, decompressed."""


class Transport(RequestsTransport):  # type: ignore[misc]  # untyped where azure-core exports it
    """The client's own transport, but for its connections and for how much of an answer it reads."""

    def _init_session(self, session: Session) -> None:
        super()._init_session(session)
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter())


class _Connection(HTTPSConnection):
    def connect(self) -> None:
        # OpenSSL's own locks stay held in a forked child: 5 of 17 children hung at their first connection
        # while their parent made contexts (OpenSSL 3.0.19). On open connections none did, of 300.
        with FORK_GUARD.section():
            super().connect()


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _pools.add(self)


_pools: Final[weakref.WeakSet[_Pool]] = weakref.WeakSet()


def _renew_locks() -> None:
    """Let a forked child close its parent's pools, as urllib3 does when they are dropped, and at exit.

    A sender of the parent may have been at a pool's queue: 2 of 500 children hung there (urllib3 2.8).
    """
    for pool in list(_pools):
        waiting: Any = pool.pool
        # gevent's queues, which its patches put there, have no locks.
        if hasattr(waiting, "mutex"):
            waiting.mutex = threading.Lock()
            waiting.not_empty = threading.Condition(waiting.mutex)
            waiting.not_full = threading.Condition(waiting.mutex)
            waiting.all_tasks_done = threading.Condition(waiting.mutex)


RENEWALS.append(_renew_locks)


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._guard(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        if manager.pool_classes_by_scheme.get("https") is HTTPSConnectionPool:
            self._guard(manager)
        return manager

    def _guard(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _Pool}
        # As the client's own adapter has it, for bodies that are read from a stream.
        manager.connection_pool_kw["blocksize"] = 32 * 1024

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
