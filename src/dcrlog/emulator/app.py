"""The Starlette application: which path is answered by what, and who is let in."""

import contextlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dcrlog.emulator import tokens
from dcrlog.emulator.answers import MAX_HEADERS, Refusal
from dcrlog.emulator.control import control_routes, is_loopback
from dcrlog.emulator.fault_settings import Kind
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.ingestion import Ingestion
from dcrlog.emulator.injection import injected
from dcrlog.emulator.requestlog import Endpoint, Handler, RequestEntry, logged

_EVERY_METHOD: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def build_app(ingestion: Ingestion, faults: Faults, fail: Callable[[BaseException], None]) -> ASGIApp:
    """Wire the routes.

    Args:
        ingestion: Answers ingestion requests; its store and authority serve the other routes too.
        faults: The faults on order.
        fail: Is told of every exception that a handler did not expect.
    """

    async def log(entry: dict[str, Any]) -> None:
        await ingestion.run(lambda: ingestion.store.log(entry))

    entered = partial(logged, log=log, fail=fail)

    def exposed(kind: Kind, handle: Handler) -> Endpoint:
        return entered(kind, injected(kind, handle, faults=faults, run=ingestion.run))

    grants = tokens.TokenRoutes(ingestion.authority)
    client_credentials = exposed("token", grants.client_credentials)
    routes: list[BaseRoute] = [
        *control_routes(ingestion, faults),
        _any_case("/dataCollectionRules/{rule_id}/streams/{stream}", exposed("ingestion", ingestion.answer)),
        Route(tokens.IDENTITY_PATH, exposed("token", grants.app_service), methods=["GET"]),
        Route("/metadata/identity/oauth2/token", exposed("token", grants.imds), methods=["GET"]),
        Route("/{tenant}/oauth2/token", client_credentials, methods=["POST"]),
        Route("/{tenant}/oauth2/v2.0/token", client_credentials, methods=["POST"]),
        Route("/{tenant}/.well-known/openid-configuration", tokens.discovery),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", tokens.discovery),
        Route("/{tenant}/discovery/v2.0/keys", tokens.keys),
        Route("/{path:path}", entered("other", _unknown), methods=_EVERY_METHOD),
    ]

    def failed(_: Request, error: Exception) -> Response:
        fail(error)
        return Refusal(500, "InternalServerError", "The emulator failed. See Emulator.check().").response()

    return _Guard(Starlette(routes=routes, exception_handlers={Exception: failed}))


class _Guard:
    """Refuses what did not come for this host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _not_let_in(scope)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        # Starlette raises again what its handler has told and answered already.
        with contextlib.suppress(Exception):
            await self._app(scope, receive, send)


def _not_let_in(scope: Scope) -> Refusal | None:
    headers = Request(scope).headers
    # A page of a foreign name that has been pointed at 127.0.0.1 sends that name (DNS rebinding).
    if not is_loopback(headers.get("host", "")):
        return Refusal(421, "MisdirectedRequest", "The Host header must name a loopback address.")
    # The parser's own limit holds only while the headers are incomplete.
    if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADERS:
        return Refusal(431, "RequestHeadersTooLarge", f"The headers exceed {MAX_HEADERS} bytes.")
    return None


def _any_case(path: str, endpoint: Endpoint) -> Route:
    # Microsoft's own documents write both dataCollectionRules and datacollectionRules.
    route = Route(path, endpoint, methods=["POST"])
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route


async def _unknown(request: Request, _: RequestEntry) -> Response:
    # Azure's documentation: a malformed address is answered 404; the code is not published.
    raise Refusal(404, "NotFound", f"Nothing answers {request.method} {request.url.path} here.")
