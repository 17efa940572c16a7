"""What an exception of the official client says: the answer, or why none came."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dcrlog._credentials import TokenError
from dcrlog._retry import TLS_FAILURE, Answer

_MAX_MESSAGE: Final = 500
_CLAIMS: Final = re.compile(r'claims="([A-Za-z0-9+/=_-]{1,8192})"')

_TLS_REASONS: Final = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "NO_PROTOCOLS_AVAILABLE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_UNKNOWN_CA",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
"""Of what OpenSSL says, what another try does not change. A connection that broke off is weather."""


def answer_of(error: BaseException, request_id: str) -> Answer:
    """Return what a request met that raised."""
    from azure.core.exceptions import HttpResponseError

    causes = list(_causes(error))
    if isinstance(error, HttpResponseError) and not isinstance(error, TokenError):
        headers = _headers(error)
        return Answer(
            status=error.status_code,
            code=_told(headers.get("x-ms-error-code") or getattr(error.error, "code", None) or ""),
            message=_told(error),
            retry_after=headers.get("Retry-After"),
            request_id=request_id,
        )
    is_token = isinstance(error, TokenError)
    told = error.__cause__ or error if is_token else error
    kind = type(told).__name__
    if any(_is_tls_failure(cause) for cause in causes):
        return Answer(
            status=None, code=TLS_FAILURE, message=_told(told), request_id=request_id, was_sent=False
        )
    return Answer(
        status=None,
        code=f"token: {kind}" if is_token else kind,
        message=_told(told),
        request_id=request_id,
        was_sent=not (is_token or any(type(cause).__name__ in _NOT_CONNECTED for cause in causes)),
    )


def _is_tls_failure(cause: BaseException) -> bool:
    # Not above: 4 ms of every start. Whoever has a failure of a connection to tell has loaded it.
    import ssl

    if isinstance(cause, ssl.SSLError):
        return cause.reason in _TLS_REASONS
    # What requests says of a bundle that is not there.
    return type(cause) is OSError and "TLS CA certificate bundle" in str(cause)


_NOT_CONNECTED: Final = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
"""Exceptions of urllib3, by name: their module is the client's business."""


def claims_of(error: BaseException) -> str | None:
    """Return the claims that a 401's challenge asks for, as JSON; None where it asks for none."""
    found = _CLAIMS.search(_headers(error).get("WWW-Authenticate") or "")
    if found is None:
        return None
    try:
        padded = found[1] + "=" * (-len(found[1]) % 4)
        return base64.b64decode(padded, altchars=b"-_").decode()
    except (binascii.Error, ValueError):
        return None


def _headers(error: BaseException) -> Mapping[str, str]:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    return headers


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return the exception and all that it was made of; the client, requests and urllib3 wrap one another."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 32:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [getattr(cause, name, None) for name in ("inner_exception", "reason")]
        waiting += [cause.__cause__, cause.__context__, *inner, *cause.args]


def _told(text: object) -> str:
    """Bring a failure's text into one line, without what would steer a terminal."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * _MAX_MESSAGE])
    return " ".join(printable.split())[:_MAX_MESSAGE]
