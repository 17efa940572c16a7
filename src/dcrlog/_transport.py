"""How the official client's requests reach the network.

No fork falls into the making of a connection, an attempt takes no longer than it may, and of an answer
no more is read than there is use for.
Imports requests, so it is imported in a sender's thread only.
"""

import ssl
import threading
import time
import weakref
import zlib
from typing import Any, Final

from azure.core.pipeline.transport import RequestsTransport
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.util import create_urllib3_context, resolve_cert_reqs

from dcrlog._attempt import seconds_left
from dcrlog._forking import FORK_GUARD, RENEWALS

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
"""Seconds. The client's own are 5 minutes each (azure-core 1.41)."""

LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are read. The service's errors take a few hundred; a proxy's page, or worse, may be
of any size, and would stand in memory whole, decompressed."""


class Transport(RequestsTransport):  # type: ignore[misc]  # untyped where azure-core exports it
    """The client's own transport, but for its connections, its time limits and how much it reads."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"connection_timeout": CONNECT_TIMEOUT, "read_timeout": READ_TIMEOUT, **options})

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request within what is left of this thread's attempt.

        The body may take longer: on a slow line it would otherwise be stored, and sent again for ever.
        """
        left, usual = seconds_left(), self.connection_config
        options["connection_timeout"] = min(options.get("connection_timeout", usual.timeout), left)
        options["read_timeout"] = min(options.get("read_timeout", usual.read_timeout), left)
        return super().send(request, **options)

    def sleep(self, duration: float) -> None:
        """Wait before a credential's own retry, but not beyond the attempt."""
        super().sleep(min(duration, seconds_left()))

    def _init_session(self, session: Session) -> None:
        super()._init_session(session)
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter())


class _Socket(ssl.SSLSocket):
    """Reads until a point in time, where a socket's own limit is for each of its reads.

    A server that sends its answer byte by byte would never come to an end.
    """

    ends: float | None = None

    def recv_into(self, *args: Any, **options: Any) -> int:
        if self.ends is not None:
            self.settimeout(max(self.ends - time.monotonic(), 0.001))
        return super().recv_into(*args, **options)


class _Connection(HTTPSConnection):
    def connect(self) -> None:
        # OpenSSL's own locks stay held in a forked child: 5 of 17 children hung at their first connection
        # while their parent made contexts (OpenSSL 3.0.19). On open connections none did, of 300.
        with FORK_GUARD.section():
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _Socket
            super().connect()

    def _new_conn(self) -> Any:
        started = time.monotonic()
        sock = super()._new_conn()
        # The greeting of TLS gets what the connection has left, or it would be the whole time once more.
        sock.settimeout(max((self.timeout or CONNECT_TIMEOUT) - (time.monotonic() - started), 0.001))
        return sock

    def getresponse(self) -> Any:
        if isinstance(self.sock, _Socket):
            self.sock.ends = time.monotonic() + (self.timeout or READ_TIMEOUT)
        return super().getresponse()


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
