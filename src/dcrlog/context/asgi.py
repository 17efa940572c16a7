"""Request context for any ASGI application: FastAPI, Starlette, Quart, Litestar, Django.

`app.add_middleware(RequestContext)` where there is such a method, else `app = RequestContext(app)`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dcrlog import context
from dcrlog.context.request import Request, checked_proxies, client_address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestContext:
    """Binds `request_id`, `method`, `path`, `status` and `client` around each request and WebSocket.

    `status` is known from the response's start on, which is when uvicorn writes its access record. An
    exception that leaves the application before that makes it 500, which is what servers then answer.

    Args:
        app: The application.
        trusted_proxies: How many proxies of one's own append to `X-Forwarded-For`; 0 ignores that header.

    Raises:
        ConfigError: That is no such number.
    """

    def __init__(self, app: AsgiApp, *, trusted_proxies: int = 0) -> None:
        self._app = app
        self._trusted_proxies = checked_proxies(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI asks for it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = request_of(scope, self._trusted_proxies)
        token = context.enter(request)
        has_started = False

        async def sent(message: Any) -> None:
            nonlocal has_started
            # A malformed message is the server's to complain of.
            if message.get("type") == "http.response.start":
                has_started = True
                request.update({"status": message.get("status")})
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            # The context is left as it is: the server tells the traceback in this task, which ends then.
            if not has_started and scope["type"] == "http":
                request.update({"status": 500})
            raise
        except BaseException:
            context.leave(token)
            raise
        context.leave(token)


def request_of(scope: Scope, trusted_proxies: int) -> Request:
    """Return the request that an ASGI scope describes."""
    # A header may be there more than once; a WSGI server joins them in the same way.
    found = {
        wanted: ",".join(
            value.decode("latin-1") for name, value in scope.get("headers", ()) if name == wanted
        )
        for wanted in (b"x-request-id", b"x-forwarded-for")
    }
    peer = scope.get("client")
    return Request(
        {
            "request_id": found[b"x-request-id"],
            "method": scope.get("method"),
            "path": scope.get("path"),
            "client": client_address(peer and peer[0], found[b"x-forwarded-for"], trusted_proxies),
        }
    )
