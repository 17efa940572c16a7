"""What a fault does to the request that it hits, between arrival and answer."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dcrlog.emulator.answers import OAuthRefusal, Refusal, too_many_requests
from dcrlog.emulator.body import READ_TIMEOUT, declared_length, decode, decompress, read
from dcrlog.emulator.connection import wire_of
from dcrlog.emulator.fault_settings import Kind
from dcrlog.emulator.faults import ActiveFault, Arrival, Faults, compress
from dcrlog.emulator.ingestion import Run
from dcrlog.emulator.requestlog import Handler, RequestEntry

_AROUND_THE_USUAL: Final = {"delay", "drip", "cut_reply"}
"""What these do, they do to the usual answer too."""

_CODES: Final = {401: "ExpiredAuthenticationToken", 403: "OperationFailed", 413: "ContentLengthLimitExceeded"}


def injected(kind: Kind, handle: Handler, *, faults: Faults, run: Run) -> Handler:
    """Make a handler that gives way to the faults.

    Args:
        kind: The kind of request that the handler answers.
        handle: Answers the requests that no fault hits, and those that one hits afterwards.
        faults: The faults on order.
        run: Runs a function in a thread.
    """

    async def handler(request: Request, entry: RequestEntry) -> Response:
        rows = await _rows(request, run) if faults.look_at_rows(kind) else b""
        length = int(request.headers.get("content-length", 0))
        hit = faults.choose(Arrival(kind, request.path_params.get("stream"), length, rows))
        if hit is None:
            return await handle(request, entry)
        entry.fault = hit.fault.action
        entry.raw_bytes = length
        try:
            answer = await _answer(hit, request, entry, handle)
        except ClientDisconnect:
            entry.error = "ClientDisconnected"
            answer = None
        return _Hit(hit, answer)

    return handler


class _Hit(Response):
    """An answer that is sent as the fault has it, or is not; by then the request is in the log."""

    def __init__(self, hit: ActiveFault, answer: Response | None) -> None:
        super().__init__(status_code=0 if answer is None else answer.status_code)
        self._hit = hit
        self._answer = answer
        if answer is not None:
            # Shared, so that the headers which are added to this one are sent with that one.
            self.raw_headers = answer.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hit.land()
        wire, fault = wire_of(scope), self._hit.fault
        if self._answer is None:
            # To return before the connection is known to be lost would be answered 500.
            if fault.action == "hang":
                # Faults are cleared in any thread.
                call_here = asyncio.get_running_loop().call_soon_threadsafe
                with self._hit.held(partial(call_here, wire.reset)):
                    await wire.wait(None)
            else:
                wire.reset()
                await wire.wait(None)
        elif fault.action == "drip":
            await wire.drip(partial(self._answer, scope, receive, send), fault.seconds or 0.0)
        elif fault.action == "cut_reply":
            await wire.cut(partial(self._answer, scope, receive, send))
        elif fault.action != "delay" or await wire.wait(fault.seconds):
            await self._answer(scope, receive, send)


async def _answer(
    hit: ActiveFault, request: Request, entry: RequestEntry, handle: Handler
) -> Response | None:
    fault = hit.fault
    if fault.action == "reset_before":
        return None
    if fault.action == "lose_reply" or (fault.action in _AROUND_THE_USUAL and fault.status is None):
        answer = await _usual(request, entry, handle)
        return None if fault.action == "lose_reply" else answer
    async for _ in request.stream():
        pass
    if fault.action == "throttle":
        refusal = too_many_requests(hit.retry_after())
        entry.error = refusal.code
        return refusal.response()
    return None if fault.status is None else _ordered(hit, fault.status, entry)


async def _usual(request: Request, entry: RequestEntry, handle: Handler) -> Response:
    try:
        return await handle(request, entry)
    except Refusal as refusal:
        entry.error = refusal.code
        return refusal.response()


def _ordered(hit: ActiveFault, status: int, entry: RequestEntry) -> Response:
    fault = hit.fault
    response = Response(status_code=status)
    if status >= 400:
        text = f"The emulator was asked for a fault: {status} {_phrase(status)}."
        if fault.kind == "token":
            refusal: Refusal = OAuthRefusal(status, fault.code or _oauth_code(status), text)
        else:
            refusal = Refusal(
                status, fault.code or _CODES.get(status) or _phrase(status).replace(" ", ""), text
            )
            if status == 401:
                refusal.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        entry.error = refusal.code
        response = refusal.response()
    if hit.body is not None:
        _set_body(response, hit.body)
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
    elif fault.gzip is not None:
        _set_body(response, compress(fault, bytes(response.body)))
    if fault.gzip is not None:
        response.headers["Content-Encoding"] = "gzip"
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    response.headers.update(fault.headers or {})
    return response


def _set_body(response: Response, body: bytes) -> None:
    response.body = body
    response.headers["Content-Length"] = str(len(body))


def _oauth_code(status: int) -> str:
    if status >= 500 or status == 429:
        return "temporarily_unavailable"
    return "invalid_client" if status == 401 else "invalid_request"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def _rows(request: Request, run: Run) -> bytes:
    try:
        declared_length(request.headers)
    except Refusal:
        # Whoever answers the request refuses it for this too.
        return b""
    data = await read(request, READ_TIMEOUT)
    is_gzip = request.headers.get("content-encoding", "").strip().lower() == "gzip"
    return await run(lambda: _compact(data, is_gzip))


def _compact(data: bytes, is_gzip: bool) -> bytes:
    try:
        return msgspec.json.encode(decode(decompress(data) if is_gzip else data))
    except Refusal:
        return b""
