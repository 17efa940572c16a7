"""The official clients of this process: who uses which, and when they are made and closed.

A client's own retries, redirects and HTTP log records are switched off: dcrlog waits where an exit
can interrupt it, and must not feed itself.
"""

import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dcrlog._credentials import Credential
from dcrlog._endpoint import Endpoint

if TYPE_CHECKING:
    from azure.monitor.ingestion import LogsIngestionClient


class SharedClient:
    """A client and those who use it; it closes when the last handler has let go and no request is under way.

    Left to the garbage collector, its connections and those of its credential stay open until a full
    collection, and a socket that is collected while it is open makes a ResourceWarning.
    """

    def __init__(self, endpoint: Endpoint, setting: Any) -> None:
        self._credential = Credential(setting, endpoint)
        # Entered here, since threads that open it together at its first use open a session each (azure-core
        # 1.41), and all but the last are out of reach of `close`.
        self.client = _make_client(endpoint, self._credential).__enter__()
        self._lock = threading.Lock()
        # Weakly: a handler that is dropped without `close` uses nothing any more.
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        self._requests = 0
        self._is_closed = False
        self._renewals = 0

    def enter(self, user: object) -> bool:
        """Count a user; return False where the client is closed."""
        with self._lock:
            if not self._is_closed:
                self._users.add(user)
            return not self._is_closed

    def leave(self, user: object) -> None:
        """Count a user out."""
        with self._lock:
            self._users.discard(user)
        self._close_if_unused()

    def begin_request(self) -> int | None:
        """Keep the client open until `end_request`; return None where it is closed.

        Returns:
            How often its token was renewed so far, for `renew_token`.
        """
        with self._lock:
            if self._is_closed:
                return None
            self._requests += 1
            return self._renewals

    def renew_token(self, renewals: int, claims: str | None) -> None:
        """Let the next token be a new one.

        Args:
            renewals: What `begin_request` returned: requests under way together renew it together.
            claims: What the service's challenge asks for, as JSON.
        """
        with self._lock:
            is_first = renewals == self._renewals
            self._renewals += is_first
        if is_first:
            # Without the lock: a credential may hang, and whoever closes a handler needs it.
            self._credential.renew(claims)

    def end_request(self) -> None:
        """Let the client be closed, as far as this request is concerned."""
        with self._lock:
            self._requests -= 1
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        with self._lock:
            if self._is_closed or self._requests or self._users:
                return
            self._is_closed = True
        for closable in (self.client, self._credential):
            # A failure here must not become one of the request that was the last.
            with suppress(Exception):
                closable.close()


class _Clients:
    """The clients of this process, shared by pipelines with the same destination and credential.

    dictConfig may run many times, each time with a new handler: one client means one token and one
    set of connections for all of them.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._known: weakref.WeakValueDictionary[object, SharedClient] = weakref.WeakValueDictionary()

    def enter(self, user: object, endpoint: Endpoint, credential: Any) -> SharedClient:
        """Return an open client, a new one where none is known, with one more user."""
        if isinstance(credential, Mapping):
            shared = SharedClient(endpoint, credential)
            shared.enter(user)
            return shared
        with self._lock:
            # A credential given as an object is known by its id, which the client keeps from being reused.
            key = (endpoint, credential if isinstance(credential, str) else id(credential))
            known = self._known.get(key)
            if known is not None and known.enter(user):
                return known
            self._known[key] = shared = SharedClient(endpoint, credential)
            shared.enter(user)
            return shared


_of_this_process = _Clients()


def enter(user: object, endpoint: Endpoint, credential: Any) -> SharedClient:
    """Return an open client for this destination and `credential` setting, with one more user."""
    global _of_this_process  # noqa: PLW0603
    # A forked child must not use its parent's connections.
    if _of_this_process.pid != os.getpid():
        _of_this_process = _Clients()
    return _of_this_process.enter(user, endpoint, credential)


def _make_client(endpoint: Endpoint, credential: Credential) -> "LogsIngestionClient":
    from azure.core.pipeline.policies import (
        BearerTokenCredentialPolicy,
        RedirectPolicy,
        RetryPolicy,
        SansIOHTTPPolicy,
    )
    from azure.monitor.ingestion import LogsIngestionClient

    from dcrlog._transport import Transport

    _import_what_requests_need()

    class Unchallenged(BearerTokenCredentialPolicy[Any, Any]):
        def on_challenge(self, *_: Any) -> bool:
            # It would send the body again from where it stands, at its end: an empty one (azure-core 1.41).
            return False

    return LogsIngestionClient(
        endpoint.url,
        credential,
        authentication_policy=Unchallenged(credential, f"{endpoint.audience}/.default"),
        http_logging_policy=SansIOHTTPPolicy(),
        redirect_policy=RedirectPolicy.no_redirects(),
        retry_policy=RetryPolicy.no_retries(),
        transport=Transport(),
    )


def _import_what_requests_need() -> None:
    """Import here, where no fork falls, what would else be imported with the first request."""
    for module in (
        "azure.core.rest._http_response_impl",
        "azure.core.rest._requests_basic",
        "encodings.idna",
        "encodings.utf_8_sig",
        "netrc",
    ):
        # They may be elsewhere in another version.
        with suppress(ImportError):
            import_module(module)
