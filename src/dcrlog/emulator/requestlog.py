"""What the emulator remembers of a request, and the wrapper that sees to it for every answer."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final, Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dcrlog.emulator.answers import Refusal, failure, finish

Kind = Literal["ingestion", "token", "query", "other"]

# The log is long, and each of these is as long as its sender likes.
_MOST_PATH: Final = 512
_MOST_HEADER: Final = 256
_MOST_WARNING: Final = 4_096


@dataclass(slots=True)
class RequestEntry:
    """One line of the request log, filled while the request is answered.

    Attributes:
        kind: What was asked for: ingestion, a token, a query, or a path that nothing answers.
        status: The status of the answer; 0 where a fault leaves the request without one.
        fault: The action of the fault that hit the request.
        error: The error code of a refusal.
        rows_in: Rows in the body.
        rows_filtered: Rows that a transformation left out, summed over the stream's tables.
        rows_stored: Rows stored, summed over the stream's tables.
        columns_dropped: Properties dropped because the stream does not declare them, summed over the rows.
        raw_bytes: The body's size on the wire.
        bytes: The body's size after decompression.
        ms: Milliseconds from the headers' arrival to the answer, before a fault delays it.
        warning: What was accepted but will not do what the sender expects.
    """

    kind: Kind
    method: str
    path: str
    user_agent: str | None
    client_request_id: str | None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: int = 0
    fault: str | None = None
    error: str | None = None
    rows_in: int = 0
    rows_filtered: int = 0
    rows_stored: int = 0
    columns_dropped: int = 0
    raw_bytes: int = 0
    bytes: int = 0
    ms: float = 0.0
    warning: str | None = None

    def warn(self, text: str) -> None:
        """Add a warning."""
        self.warning = (text if self.warning is None else f"{self.warning} {text}")[:_MOST_WARNING]

    def plain(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return asdict(self) | {"time": self.time.isoformat().replace("+00:00", "Z")}


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_MOST_HEADER]


Handler = Callable[[Request, RequestEntry], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def logged(
    kind: Kind,
    handle: Handler,
    *,
    log: Callable[[dict[str, Any]], Awaitable[None]],
    fail: Callable[[BaseException], None],
) -> Endpoint:
    """Make an endpoint of a handler: its refusals become answers, and each answer is logged.

    Args:
        kind: The kind of request that the handler answers.
        handle: Fills the entry and returns the answer, or raises a `Refusal`.
        log: Keeps a finished entry.
        fail: Is told of an exception that is no refusal; the sender gets a 500.
    """

    async def endpoint(request: Request) -> Response:
        started = perf_counter()
        entry = RequestEntry(
            kind,
            request.method,
            request.url.path[:_MOST_PATH],
            _cut(request.headers.get("user-agent")),
            _cut(request.headers.get("x-ms-client-request-id")),
        )
        response = await _answer(handle, request, entry, fail)
        entry.status = response.status_code
        entry.ms = round((perf_counter() - started) * 1000, 2)
        # Logged before it is sent: who has the answer finds the request in the log.
        await log(entry.plain())
        return finish(
            response,
            is_upload=kind == "ingestion",
            request_id=entry.request_id,
            client_request_id=entry.client_request_id,
        )

    return endpoint


async def _answer(
    handle: Handler, request: Request, entry: RequestEntry, fail: Callable[[BaseException], None]
) -> Response:
    try:
        return await handle(request, entry)
    except ClientDisconnect:
        # Nobody reads this answer, but the log shows it.
        entry.error = "ClientDisconnected"
        return Response(status_code=400)
    except Refusal as error:
        refusal = error
    except Exception as error:
        fail(error)
        refusal = failure(error)
    entry.error = refusal.code
    return refusal.response()
