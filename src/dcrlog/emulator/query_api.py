"""The query API of a Log Analytics workspace, as `LogsQueryClient` asks it."""

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dcrlog.emulator.answers import Refusal
from dcrlog.emulator.attended import attended
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.body import READ_TIMEOUT, declared_length, decode, read
from dcrlog.emulator.ingestion import Run
from dcrlog.emulator.queries import MAX_BYTES, MAX_SECONDS, Answer, Queries, QueryTimeoutError, Span, Wait
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.timespan import parse_timespan
from dcrlog.kql import KqlError
from dcrlog.kql.query import QueryLimitError

_DEFAULT_SECONDS: Final = 180
"""Azure's, where the sender says nothing."""
_MAX_BATCH: Final = 100
_WAIT: Final = re.compile(r"wait=(\d{1,6})(?!\d)", re.ASCII)
_INVALID: Final = "The request had some invalid properties"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, and how its sender wants it answered."""

    text: str
    span: Span | None
    seconds: float
    with_statistics: bool
    with_render: bool


@dataclass(frozen=True, slots=True)
class QueryApi:
    """Answers queries, for whichever workspace or resource they are meant: the emulator has one.

    Attributes:
        queries: Runs them.
        authority: Checks tokens.
        run: Runs a function in a thread, so that the event loop answers others meanwhile.
    """

    queries: Queries
    authority: Authority
    run: Run

    async def answer(self, request: Request, entry: RequestEntry) -> Response:
        """Answer one query.

        Raises:
            Refusal: There is no token that is good, or the body is none.
        """
        self._check_token(request)
        body: Any = dict(request.query_params)
        if request.method == "POST":
            body = await self._body(request, entry)
        prefer = request.headers.get("prefer", "")
        async with attended(request) as has_left:
            status, answer = await self._answered(body, prefer, has_left)
        _note(entry, answer)
        return _response(status, answer)

    async def answer_batch(self, request: Request, entry: RequestEntry) -> Response:
        """Answer several queries, each for itself.

        Raises:
            Refusal: There is no token that is good, or the body is none.
        """
        self._check_token(request)
        body = await self._body(request, entry)
        asked = body.get("requests") if isinstance(body, Mapping) else None
        if not isinstance(asked, list) or not all(isinstance(each, Mapping) for each in asked):
            raise _refused("The body of a batch must be an object with 'requests', a list.")
        if len(asked) > _MAX_BATCH:
            raise _refused(f"A batch takes {_MAX_BATCH} requests, got {len(asked)}.")
        # Together they have as many bytes as one answer may have.
        most_bytes = MAX_BYTES // max(1, len(asked))
        async with attended(request) as has_left:
            answers = await asyncio.gather(
                *(self._answered_part(each, has_left, most_bytes) for each in asked)
            )
        return _response(200, {"responses": answers})

    async def _answered_part(
        self, part: Mapping[str, Any], has_left: Event, most_bytes: int
    ) -> dict[str, Any]:
        headers = part.get("headers")
        prefer = headers.get("Prefer", headers.get("prefer", "")) if isinstance(headers, Mapping) else ""
        status, body = await self._answered(part.get("body"), str(prefer), has_left, most_bytes)
        return {"id": part.get("id"), "status": status, "headers": {}, "body": body}

    async def _answered(
        self, body: Any, prefer: str, has_left: Event, most_bytes: int = MAX_BYTES
    ) -> tuple[int, dict[str, Any]]:
        try:
            asked = _asked(body, prefer)
            wait = Wait(asked.seconds, has_left)
            found = await self.run(
                lambda: self.queries.answer(asked.text, asked.span, wait, most_bytes=most_bytes)
            )
        except KqlError as error:
            return 400, {"error": _wrong(error)}
        except QueryTimeoutError as error:
            return 504, {"error": {"code": "GatewayTimeout", "message": str(error)}}
        except QueryLimitError as error:
            # The words of the service for a query that needs too much memory.
            limit = {
                "code": "LimitsExceeded",
                "message": f"Query execution has exceeded the allowed limits: {error}",
            }
            return 400, {"error": _bad(limit)}
        except Refusal as refusal:
            return refusal.status, {"error": {"code": refusal.code, "message": refusal.message}}
        return 200, _tables(found, asked)

    def _check_token(self, request: Request) -> None:
        # A client asks for a token for whatever address it was given.
        self.authority.check(request.headers.get("authorization"), any_audience=True)

    async def _body(self, request: Request, entry: RequestEntry) -> Any:
        declared_length(request.headers)
        data = await read(request, READ_TIMEOUT)
        entry.raw_bytes = entry.bytes = len(data)
        return decode(data)


def _refused(message: str) -> Refusal:
    return Refusal(400, "BadArgumentError", message)


def _asked(body: Any, prefer: str) -> _Asked:
    text = body.get("query") if isinstance(body, Mapping) else None
    if not isinstance(text, str) or not text.strip():
        raise _refused("The body must be an object with 'query', the text of a query.")
    timespan = body.get("timespan")
    span = None
    if timespan is not None:
        try:
            span = parse_timespan(str(timespan), datetime.now(UTC))
        except ValueError as error:
            raise _refused(f"The timespan is invalid: {error}.") from None
    wait = _WAIT.search(prefer)
    seconds = min(int(wait[1]), MAX_SECONDS) if wait else _DEFAULT_SECONDS
    return _Asked(text, span, seconds, "include-statistics=true" in prefer, "include-render=true" in prefer)


def _tables(found: Answer, asked: _Asked) -> dict[str, Any]:
    columns = [{"name": name, "type": of} for name, of in found.query.columns.items()]
    body: dict[str, Any] = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": found.rows}]}
    if asked.with_statistics:
        size = sum(len(bytes(row)) for row in found.rows)
        counted = [{"tableRowCount": len(found.rows), "tableSize": size}]
        body["statistics"] = {"query": {"executionTime": found.seconds, "datasetStatistics": counted}}
    if asked.with_render:
        body["render"] = dict(found.query.render or {})
    if found.limit is not None:
        body["error"] = _partial(found.limit)
    return body


def _partial(limit: str) -> dict[str, Any]:
    # As people have seen it; the number is that of Kusto's E_QUERY_RESULT_SET_TOO_LARGE.
    inner = {
        "code": "-2133196797",
        "message": f"The results of this query exceed the set limit of {limit}, so not all records were "
        "returned (E_QUERY_RESULT_SET_TOO_LARGE / 0x80DA0003).",
        "severity": 2,
        "severityName": "Error",
    }
    engine = {
        "code": "EngineError",
        "message": "Something went wrong processing your query on the server.",
        "innererror": inner,
    }
    message = "There were some errors when processing your query."
    return {"code": "PartialError", "message": message, "details": [engine]}


def _wrong(error: KqlError) -> dict[str, Any]:
    is_syntax = error.code == "SyntaxError"
    innermost: dict[str, Any] = {
        "code": "SYN0002" if is_syntax else "SEM0100",
        "message": f"{error}. {error.hint}" if error.hint else str(error),
        "line": error.line,
        "pos": error.column,
    }
    outer = "A recognition error occurred in the query." if is_syntax else "A semantic error occurred."
    return _bad({"code": error.code, "message": outer, "innererror": innermost})


def _bad(inner: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": "BadArgumentError",
        "message": _INVALID,
        "correlationId": str(uuid.uuid4()),
        "innererror": inner,
    }


def _note(entry: RequestEntry, answer: Mapping[str, Any]) -> None:
    if error := answer.get("error"):
        entry.error = error["code"]


def _response(status: int, body: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
