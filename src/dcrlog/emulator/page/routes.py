"""The routes of the page: the document, its files, its events, a row's story, queries."""

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcrlog.emulator.answers import Refusal
from dcrlog.emulator.attended import attended
from dcrlog.emulator.body import decode
from dcrlog.emulator.guard import guarded, json_body
from dcrlog.emulator.page.document import document
from dcrlog.emulator.page.feed import EventStream, Feed, last_seen
from dcrlog.emulator.page.html import Html
from dcrlog.emulator.page.query import SECONDS, answer_of
from dcrlog.emulator.page.story import story_of
from dcrlog.emulator.queries import Wait
from dcrlog.emulator.service import Service

_FILES: Final = {
    "page.css": "text/css",
    "query.css": "text/css",
    "page.js": "text/javascript",
    "ask.js": "text/javascript",
    "query.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

HEADERS: Final = {
    # No inline script or style runs, whatever a row may have in it, and no other page may frame this one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page_route(service: Service, endpoint: str) -> Route:
    """Return the route of the page itself."""

    async def page(request: Request) -> Response:
        table = _table(request, service)
        asked = request.query_params.get("row", "")
        row = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 15 else None
        return _html(await service.run(lambda: document(service, table=table, row=row, endpoint=endpoint)))

    return Route("/", page)


def page_routes(service: Service) -> list[BaseRoute]:
    """Return the routes below `/_emulator/page`."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            raise Refusal(404, "NotFound", f"The page has no file '{name}'.")
        content = files("dcrlog.emulator.page").joinpath(name).read_bytes()
        return Response(content, media_type=_FILES[name], headers=HEADERS)

    async def events(request: Request) -> Response:
        feed = Feed(service, table=_table(request, service), seen=last_seen(request))
        return EventStream(service, feed)

    async def story(request: Request) -> Response:
        table, number = _table(request, service), request.path_params["number"]
        return _html(await service.run(lambda: story_of(service, table, number)))

    async def query(request: Request) -> Response:
        body = decode(await json_body(request))
        text = body.get("query") if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise Refusal(400, "InvalidParameter", "The body must be an object with 'query', a text.")
        async with attended(request) as has_left:
            wait = Wait(SECONDS, has_left)
            return _html(await service.run_query(lambda: answer_of(service.queries, text, wait)))

    return [
        Route("/page/events", guarded(events)),
        Route("/page/query", guarded(query), methods=["POST"]),
        Route("/page/story/{number:int}", guarded(story)),
        Route("/page/{name}", guarded(file)),
    ]


def _table(request: Request, service: Service) -> str:
    asked = request.query_params.get("table", "")
    if asked in service.workspace.tables:
        return asked
    filled = (table for rule in service.workspace.rules for table in rule.tables)
    return next(filled, next(iter(service.workspace.tables), ""))


def _html(content: Html) -> Response:
    return Response(content, media_type="text/html", headers=HEADERS)
