"""The Starlette application: which path is answered by what, and who is let in."""

import contextlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dcrlog.emulator import tokens
from dcrlog.emulator.answers import Refusal, failure
from dcrlog.emulator.control import control_routes
from dcrlog.emulator.fault_settings import Kind
from dcrlog.emulator.guard import Names, not_let_in
from dcrlog.emulator.ingestion import Ingestion
from dcrlog.emulator.injection import injected
from dcrlog.emulator.landing import Landing
from dcrlog.emulator.page.routes import page_route, page_routes
from dcrlog.emulator.query_api import QueryApi
from dcrlog.emulator.requestlog import Endpoint, Handler, RequestEntry, logged
from dcrlog.emulator.service import Service


def build_app(
    service: Service,
    *,
    names: Names,
    ca_certificate: bytes,
    endpoint: str,
    fail: Callable[[BaseException], None],
) -> ASGIApp:
    """Wire the routes.

    Args:
        service: What answers.
        names: The names under which it answers.
        ca_certificate: The certificate of the emulator's authority, as PEM.
        endpoint: The address that clients send to.
        fail: Is told of every exception that a handler did not expect.
    """
    landing = Landing(service.store, service.history, service.pulse, service.mode)
    ingestion = Ingestion(
        service.workspace, landing, service.authority, service.mode, run=service.run, windows=service.windows
    )

    async def log(entry: dict[str, Any]) -> None:
        await service.run(lambda: service.history.log(entry))
        service.pulse.touch()

    entered = partial(logged, log=log, fail=fail)

    def exposed(kind: Kind, handle: Handler) -> Endpoint:
        return entered(kind, injected(kind, handle, faults=service.faults, run=service.run))

    nothing = _any_method("/{path:path}", entered("other", _unknown))
    routes: list[BaseRoute] = [
        page_route(service, endpoint),
        Mount(
            "/_emulator", routes=[*page_routes(service), *control_routes(service, ca_certificate), nothing]
        ),
        _any_case("/dataCollectionRules/{rule_id}/streams/{stream}", exposed("ingestion", ingestion.answer)),
        *_query_routes(service, partial(entered, "query")),
        *_token_routes(tokens.TokenRoutes(service.authority), exposed),
        nothing,
    ]

    def failed(_: Request, error: Exception) -> Response:
        fail(error)
        return failure(error).response()

    return _Guard(Starlette(routes=routes, exception_handlers={Exception: failed}), names)


def _query_routes(service: Service, entered: Callable[[Handler], Endpoint]) -> list[Route]:
    api = QueryApi(service.queries, service.authority, service.run_query)
    return [
        Route("/v1/$batch", entered(api.answer_batch), methods=["POST"]),
        # A workspace by its id, or a resource by its path.
        Route("/v1/{resource:path}/query", entered(api.answer), methods=["GET", "POST"]),
    ]


def _token_routes(grants: tokens.TokenRoutes, exposed: Callable[[Kind, Handler], Endpoint]) -> list[Route]:
    client_credentials = exposed("token", grants.client_credentials)
    return [
        Route(tokens.IDENTITY_PATH, exposed("token", grants.app_service), methods=["GET"]),
        Route("/metadata/identity/oauth2/token", exposed("token", grants.imds), methods=["GET"]),
        Route("/{tenant}/oauth2/token", client_credentials, methods=["POST"]),
        Route("/{tenant}/oauth2/v2.0/token", client_credentials, methods=["POST"]),
        Route("/{tenant}/.well-known/openid-configuration", tokens.discovery),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", tokens.discovery),
        Route("/{tenant}/discovery/v2.0/keys", tokens.keys),
    ]


class _Guard:
    """Refuses what did not come for this host."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = not_let_in(Request(scope), self._names)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        # Starlette raises again what its handler has told and answered already.
        with contextlib.suppress(Exception):
            await self._app(scope, receive, send)


def _any_case(path: str, endpoint: Endpoint) -> Route:
    # Microsoft's own documents write both dataCollectionRules and datacollectionRules.
    route = Route(path, endpoint, methods=["POST"])
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route


def _any_method(path: str, endpoint: Endpoint) -> Route:
    route = Route(path, endpoint)
    route.methods = None
    return route


async def _unknown(request: Request, _: RequestEntry) -> Response:
    # Azure's documentation: a malformed address is answered 404; the code is not published.
    raise Refusal(404, "NotFound", f"Nothing answers {request.method} {request.url.path} here.")
