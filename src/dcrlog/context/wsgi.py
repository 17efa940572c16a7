"""Request context for any WSGI application: `application = RequestContext(application)`."""

from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from typing import Any, cast

from dcrlog import context
from dcrlog.context.request import Request, checked_proxies, client_address

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class RequestContext:
    """Binds `request_id`, `method`, `path`, `status` and `client` around each request.

    They hold until the server has closed the response, so for records of streamed responses and for most
    servers' access records, too. `status` is known from the response's start on.

    Args:
        app: The application.
        trusted_proxies: How many proxies of one's own append to `X-Forwarded-For`; 0 ignores that header.
        late_user: Returns who the user is, as far as known, each time that a record is made.

    Raises:
        ConfigError: `trusted_proxies` is no such number.
    """

    def __init__(
        self, app: WsgiApp, *, trusted_proxies: int = 0, late_user: Callable[[], object] | None = None
    ) -> None:
        self._app = app
        self._trusted_proxies = checked_proxies(trusted_proxies)
        self._late_user = late_user

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request, as WSGI asks for it."""
        request = request_of(environ, self._trusted_proxies, self._late_user)
        token = context.enter(request)

        def started(status: str, *rest: Any, **named: Any) -> Any:
            request.update({"status": int(status[:3])} if status[:3].isdecimal() else {})
            return start_response(status, *rest, **named)

        try:
            body: Any = self._app(environ, started)
        except BaseException:
            context.leave(token)
            raise
        if isinstance(body, environ.get("wsgi.file_wrapper") or ()):
            # The server sends the file itself, quicker than through us, and only if it sees its own wrapper.
            context.leave(token)
            return cast("Iterable[bytes]", body)
        return _Body(body, token)


def request_of(environ: Environ, trusted_proxies: int, late_user: Callable[[], object] | None) -> Request:
    """Return the request that a WSGI environment describes."""
    # A path comes as Latin-1, whatever it was encoded in (PEP 3333).
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1", "replace")
    peer, forwarded = environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR")
    return Request(
        {
            "request_id": environ.get("HTTP_X_REQUEST_ID"),
            "method": environ.get("REQUEST_METHOD"),
            "path": path.decode("utf-8", "replace"),
            "client": client_address(peer, forwarded, trusted_proxies),
        },
        late_user,
    )


class _Body:
    """A response's body, whose close ends the request."""

    def __init__(self, body: Iterable[bytes], token: Token[Any]) -> None:
        self._body = body
        self._token = token

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            context.leave(self._token)
