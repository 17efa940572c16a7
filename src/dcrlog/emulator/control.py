"""The emulator's own routes under `/_emulator`: rows, requests, readiness, faults, reset.

They show and change what tests rely on, so a web page must not reach them: no answer has a CORS header, a
foreign `Origin` is refused, and what changes something needs a content type that a plain form cannot send.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from dcrlog.emulator.answers import Refusal
from dcrlog.emulator.body import declared_length
from dcrlog.emulator.fault import parse_faults
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.ingestion import Ingestion
from dcrlog.errors import ConfigError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(netloc: str) -> bool:
    """Tell whether a Host header names this machine, by a name that nobody can point elsewhere."""
    try:
        return urlsplit(f"//{netloc}").hostname in _LOOPBACK and "@" not in netloc
    except ValueError:
        return False


def control_routes(ingestion: Ingestion, faults: Faults) -> list[BaseRoute]:
    """Return the routes, for one emulator."""
    store = ingestion.store

    async def ready(_: Request) -> Response:
        return JSONResponse(
            {
                "ready": True,
                "rule_id": ingestion.rule.immutable_id,
                "streams": list(ingestion.rule.streams),
                "tables": list(ingestion.rule.tables),
                "mode": ingestion.mode,
            }
        )

    async def rows(request: Request) -> Response:
        table = request.path_params["table"]
        if table not in ingestion.rule.tables:
            known = ", ".join(ingestion.rule.tables)
            raise Refusal(404, "UnknownTable", f"The rule fills no table '{table}'. It fills: {known}.")
        after, limit = _whole_number(request, "after"), _whole_number(request, "limit")
        return await dump(lambda: store.rows(table, after=after or 0, limit=limit))

    async def requests(_: Request) -> Response:
        return await dump(store.requests)

    async def reset(request: Request) -> Response:
        _need_json(request)
        faults.clear()
        await ingestion.run(store.reset)
        return Response(status_code=204)

    async def dump(fetch: Callable[[], Any]) -> Response:
        body = await ingestion.run(lambda: msgspec.json.encode(fetch()))
        return Response(body, media_type="application/json")

    return [
        Mount(
            "/_emulator",
            routes=[
                Route("/ready", _guarded(ready)),
                Route("/rows/{table}", _guarded(rows)),
                Route("/requests", _guarded(requests)),
                *_fault_routes(ingestion, faults),
                Route("/reset", _guarded(reset), methods=["POST"]),
            ],
        )
    ]


def _fault_routes(ingestion: Ingestion, faults: Faults) -> list[BaseRoute]:
    async def show_faults(_: Request) -> Response:
        return JSONResponse([active.show() for active in faults])

    async def add_faults(request: Request) -> Response:
        _need_json(request)
        declared_length(request.headers)
        body = await request.body()
        try:
            # In a thread: a body that is compressed may take its time.
            added = await ingestion.run(lambda: [faults.add(fault) for fault in parse_faults(body)])
        except ConfigError as error:
            raise Refusal(400, "InvalidFault", str(error)) from None
        return JSONResponse([active.show() for active in added], 201)

    async def clear_faults(request: Request) -> Response:
        _need_json(request)
        faults.clear()
        return Response(status_code=204)

    return [
        Route("/faults", _guarded(show_faults)),
        Route("/faults", _guarded(add_faults), methods=["POST"]),
        Route("/faults", _guarded(clear_faults), methods=["DELETE"]),
    ]


def _guarded(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        origin = request.headers.get("origin")
        own = f"{request.url.scheme}://{request.url.netloc}"
        try:
            if origin is not None and origin != own:
                raise Refusal(403, "ForeignOrigin", f"Pages of '{origin}' have no access to the emulator.")
            return await endpoint(request)
        except Refusal as refusal:
            return refusal.response()

    return guarded


def _need_json(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "The Content-Type must be application/json.")


def _whole_number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Refusal(
            400, "InvalidParameter", f"The parameter '{name}' must be a whole number, got '{text}'."
        )
    return int(text)
