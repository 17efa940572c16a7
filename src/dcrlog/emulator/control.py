"""The emulator's own routes under `/_emulator`: rows, requests, losses, rules, readiness, faults, reset.

They show and change what tests rely on, so a web page must not reach them: no answer has a CORS header, a
foreign `Origin` is refused, and what changes something needs a content type that a plain form cannot send.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcrlog.emulator.answers import Refusal
from dcrlog.emulator.fault import parse_faults
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.guard import guarded, json_body, need_json
from dcrlog.emulator.refused import error_body
from dcrlog.emulator.service import Service
from dcrlog.errors import ConfigError


def control_routes(service: Service, ca_certificate: bytes) -> list[BaseRoute]:
    """Return the routes below `/_emulator`, for one emulator."""

    async def ready(_: Request) -> Response:
        return JSONResponse(service.describe())

    async def rows(request: Request) -> Response:
        table = _known_table(request, service)
        after, limit = _whole_number(request, "after"), _whole_number(request, "limit")
        return await dump(lambda: service.store.rows(table, after=after or 0, limit=limit))

    async def story(request: Request) -> Response:
        table, number = _known_table(request, service), request.path_params["number"]
        told = await service.run(lambda: service.story(table, number))
        if told is None:
            raise Refusal(
                404, "UnknownRow", f"Table '{table}' has no row {number}, or its body is not kept any more."
            )
        return JSONResponse(told.show())

    async def requests(_: Request) -> Response:
        return await dump(service.history.requests)

    async def drops(_: Request) -> Response:
        return await dump(service.history.drops)

    async def reset(request: Request) -> Response:
        need_json(request)
        await service.run(service.reset)
        return Response(status_code=204)

    async def authority(_: Request) -> Response:
        return Response(ca_certificate, media_type="application/x-pem-file")

    async def dump(fetch: Callable[[], Any]) -> Response:
        body = await service.run(lambda: msgspec.json.encode(fetch()))
        return Response(body, media_type="application/json")

    return [
        Route("/ready", guarded(ready)),
        Route("/rows/{table}", guarded(rows)),
        Route("/rows/{table}/{number:int}", guarded(story)),
        Route("/requests", guarded(requests)),
        Route("/drops", guarded(drops)),
        Route("/ca.pem", guarded(authority)),
        Route("/reset", guarded(reset), methods=["POST"]),
        *_rule_routes(service),
        *_fault_routes(service, service.faults),
    ]


def _rule_routes(service: Service) -> list[BaseRoute]:
    def show(request: Request, rule_id: str) -> dict[str, Any]:
        rule = service.workspace.rule(rule_id)
        if rule is None:
            raise Refusal(404, "NotFound", f"Data collection rule with immutable Id '{rule_id}' not found.")
        return rule.resource(f"{request.url.scheme}://{request.url.netloc}")

    async def show_all(request: Request) -> Response:
        ids = [rule.immutable_id for rule in service.workspace.rules]
        return JSONResponse({"value": [show(request, rule_id) for rule_id in ids]})

    async def show_one(request: Request) -> Response:
        return JSONResponse(show(request, request.path_params["rule_id"]))

    async def put(request: Request) -> Response:
        rule_id, body = request.path_params["rule_id"], await json_body(request)
        try:
            _, is_new = await service.run(lambda: service.put_rule_json(rule_id, body))
        except ConfigError as error:
            return JSONResponse(error_body(error), 400, {"x-ms-error-code": "InvalidPayload"})
        return JSONResponse(show(request, rule_id), 201 if is_new else 200)

    return [
        Route("/rules", guarded(show_all)),
        Route("/rules/{rule_id}", guarded(show_one)),
        Route("/rules/{rule_id}", guarded(put), methods=["PUT"]),
    ]


def _fault_routes(service: Service, faults: Faults) -> list[BaseRoute]:
    async def show(_: Request) -> Response:
        return JSONResponse([active.show() for active in faults])

    async def add(request: Request) -> Response:
        body = await json_body(request)
        try:
            # In a thread: a body that is compressed may take its time.
            added = await service.run(lambda: [faults.add(fault) for fault in parse_faults(body)])
        except ConfigError as error:
            raise Refusal(400, "InvalidFault", str(error)) from None
        service.pulse.touch()
        return JSONResponse([active.show() for active in added], 201)

    async def clear(request: Request) -> Response:
        need_json(request)
        faults.clear()
        service.pulse.touch()
        return Response(status_code=204)

    async def remove(request: Request) -> Response:
        need_json(request)
        number = request.path_params["number"]
        if not faults.remove(number):
            raise Refusal(404, "UnknownFault", f"There is no fault {number}.")
        service.pulse.touch()
        return Response(status_code=204)

    return [
        Route("/faults", guarded(show)),
        Route("/faults", guarded(add), methods=["POST"]),
        Route("/faults", guarded(clear), methods=["DELETE"]),
        Route("/faults/{number:int}", guarded(remove), methods=["DELETE"]),
    ]


def _known_table(request: Request, service: Service) -> str:
    table: str = request.path_params["table"]
    if table not in service.workspace.tables:
        known = ", ".join(service.workspace.tables)
        raise Refusal(404, "UnknownTable", f"The rule fills no table '{table}'. It fills: {known}.")
    return table


def _whole_number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Refusal(
            400, "InvalidParameter", f"The parameter '{name}' must be a whole number, got '{text}'."
        )
    return int(text)
