"""The one module that talks to the network: the official client, its credential, one upload.

The client's own retries, redirects and HTTP log records are switched off: dcrlog waits where an exit
can interrupt it, and must not feed itself. azure-* is imported at the first `send`, in a sender's
thread; the imports take a third of a second and 31 MiB.
"""

import io
import os
import sys
import threading
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from dcrlog._credentials import Credential, TokenError, make_credential
from dcrlog._endpoint import Endpoint
from dcrlog._retry import Answer

if TYPE_CHECKING:
    from azure.monitor.ingestion import LogsIngestionClient

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
_MAX_MESSAGE: Final = 500


class ClientSender:
    """Sends bodies through `azure.monitor.ingestion.LogsIngestionClient`.

    Args:
        endpoint: Where to.
        rule_id: The rule's immutable id.
        stream_name: The stream of the rule.
        credential: The `credential` setting.
    """

    def __init__(self, endpoint: Endpoint, rule_id: str, stream_name: str, credential: Any) -> None:
        self._endpoint = endpoint
        self._rule_id = rule_id
        self._stream_name = stream_name
        self._setting = credential
        self._client: LogsIngestionClient | None = None

    def send(self, body: bytes, *, request_id: str, timeout: float) -> Answer:
        """Upload a gzipped body once. Never raises; what went wrong is in the answer."""
        try:
            with _untraced():
                return self._upload(body, request_id, timeout)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return _failure(error, request_id)

    def close(self) -> None:
        """Let go of the client, which closes its connections with its last user; `send` takes it up again."""
        self._client = None

    def _upload(self, body: bytes, request_id: str, timeout: float) -> Answer:
        client = self._client
        if client is None:
            self._client = client = _clients().client(self._endpoint, self._setting)
        client.upload(
            self._rule_id,
            self._stream_name,
            # Through a stream that starts with the gzip magic the client sends our bytes as they are;
            # a list it would serialise twice, and miscount (azure-monitor-ingestion 1.1.0).
            io.BytesIO(body),
            request_id=request_id,
            connection_timeout=min(CONNECT_TIMEOUT, timeout),
            read_timeout=min(READ_TIMEOUT, timeout),
            enforce_https=not self._endpoint.is_plain_http,
            tracing_options={"enabled": False},
        )
        return Answer(status=204, request_id=request_id)


class _Clients:
    """The clients of this process, shared by pipelines with the same destination and credential.

    dictConfig may run many times, each time with a new handler: one client means one token and one
    set of connections for all of them.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._known: weakref.WeakValueDictionary[object, LogsIngestionClient] = weakref.WeakValueDictionary()

    def client(self, endpoint: Endpoint, credential: Any) -> "LogsIngestionClient":
        """Return the client for this destination and `credential` setting."""
        if isinstance(credential, Mapping):
            return _make_client(endpoint, make_credential(credential, endpoint))
        with self._lock:
            # A credential given as an object is known by its id, which the client keeps from being reused.
            key = (endpoint, credential if isinstance(credential, str) else id(credential))
            client = self._known.get(key)
            if client is None:
                client = _make_client(endpoint, make_credential(credential, endpoint))
                self._known[key] = client
            return client


_of_this_process = _Clients()


def _clients() -> _Clients:
    """Return the clients of this process; a forked child must not use its parent's connections."""
    global _of_this_process  # noqa: PLW0603
    if _of_this_process.pid != os.getpid():
        _of_this_process = _Clients()
    return _of_this_process


def _make_client(endpoint: Endpoint, credential: Any) -> "LogsIngestionClient":
    from azure.core.pipeline.policies import RedirectPolicy, RetryPolicy, SansIOHTTPPolicy
    from azure.monitor.ingestion import LogsIngestionClient

    return LogsIngestionClient(
        endpoint.url,
        Credential(credential),
        credential_scopes=[f"{endpoint.audience}/.default"],
        http_logging_policy=SansIOHTTPPolicy(),
        redirect_policy=RedirectPolicy.no_redirects(),
        retry_policy=RetryPolicy.no_retries(),
    )


def _failure(error: BaseException, request_id: str) -> Answer:
    from azure.core.exceptions import HttpResponseError

    if isinstance(error, TokenError):
        cause = error.__cause__ or error
        return Answer(
            status=None,
            code=f"token: {type(cause).__name__}",
            message=_told(cause),
            request_id=request_id,
        )
    if not isinstance(error, HttpResponseError):
        return Answer(status=None, code=type(error).__name__, message=_told(error), request_id=request_id)
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    return Answer(
        status=error.status_code,
        code=_told(headers.get("x-ms-error-code") or getattr(error.error, "code", None) or ""),
        message=_told(error),
        retry_after=headers.get("Retry-After"),
        request_id=request_id,
    )


def _told(text: object) -> str:
    """Bring a failure's text into one line, without what would steer a terminal."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * _MAX_MESSAGE])
    return " ".join(printable.split())[:_MAX_MESSAGE]


_TRACE_ID: Final = uuid.uuid4().int
_SPAN_ID: Final = _TRACE_ID >> 64
"""The ids under which senders work, so that an OpenTelemetry front end can tell what they caused."""


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep OpenTelemetry, where the application has imported it, from tracing our own requests."""
    if "opentelemetry.trace" not in sys.modules:
        yield
        return
    from opentelemetry import context, trace

    span = trace.NonRecordingSpan(trace.SpanContext(_TRACE_ID, _SPAN_ID, is_remote=False))
    ours = trace.set_span_in_context(span, context.set_value("suppress_instrumentation", value=True))
    token = context.attach(ours)
    try:
        yield
    finally:
        context.detach(token)
