"""The ingestion request: every check that Azure makes, in one order, and then the rows.

The order in which Azure itself checks is not published; this one goes from the gateway's checks inwards.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from dcrlog.emulator.answers import Refusal, malformed, no_access, rule_not_found, unknown_stream
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.body import READ_TIMEOUT, declared_length, decode, decompress, read
from dcrlog.emulator.coerce import Coerced, coerce_rows
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.rules import Destination, ServedRule
from dcrlog.emulator.store import Store

Mode = Literal["strict", "lenient"]
"""Strict answers as Azure does; lenient accepts what can be understood, and warns."""

API_VERSIONS: Final = ("2021-11-01-preview", "2023-01-01")
_NAMES_SHOWN: Final = 10

_T = TypeVar("_T")


class Run(Protocol):
    """A way to have work done outside the event loop."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]:
        """Run a function in a thread, so that the event loop answers others meanwhile."""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Answers ingestion requests for one rule.

    Attributes:
        run: Runs a function in a thread, so that the event loop answers others meanwhile.
        read_timeout: Seconds in which a body must arrive.
    """

    rule: ServedRule
    store: Store
    authority: Authority
    mode: Mode
    run: Run
    read_timeout: float = READ_TIMEOUT

    async def answer(self, request: Request, entry: RequestEntry) -> Response:
        """Store the rows of a request and return 204.

        Raises:
            Refusal: With the answer that Azure gives.
        """
        entry.raw_bytes = int(request.headers.get("content-length", 0))
        self._check_api_version(request, entry)
        destinations = self._find_stream(request)
        self._check_content_type(request, entry)
        is_gzip = _is_gzip(request)
        declared_length(request.headers)
        data = await read(request, self.read_timeout)
        entry.raw_bytes = len(data)
        await self.run(lambda: self._store(data, is_gzip, destinations, entry))
        return Response(status_code=204)

    def _check_api_version(self, request: Request, entry: RequestEntry) -> None:
        version = request.query_params.get("api-version")
        if version in API_VERSIONS:
            return
        known = ", ".join(API_VERSIONS)
        if self.mode == "lenient":
            entry.warn(f"api-version {version!r} is not one of {known}; accepted in lenient mode.")
            return
        # What Azure answers is not published; these are the codes of Azure Resource Manager.
        if version is None:
            raise Refusal(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required.",
            )
        raise Refusal(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported versions are '{known}'.",
        )

    def _find_stream(self, request: Request) -> Sequence[Destination]:
        bearer = self.authority.check(request.headers.get("authorization"))
        rule_id = request.path_params["rule_id"]
        if rule_id.lower() != self.rule.immutable_id.lower():
            raise rule_not_found(rule_id)
        if not bearer.has_role:
            raise no_access(rule_id, tenant_id=bearer.tenant_id, object_id=bearer.object_id)
        stream = request.path_params["stream"]
        if stream not in self.rule.streams:
            raise unknown_stream(stream, rule_id)
        return self.rule.streams[stream]

    def _check_content_type(self, request: Request, entry: RequestEntry) -> None:
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return
        if self.mode == "lenient":
            entry.warn(f"Content-Type {content_type!r} is not application/json; accepted in lenient mode.")
            return
        # What Azure answers is not published.
        raise Refusal(
            415, "UnsupportedMediaType", f"The Content-Type must be application/json, got '{content_type}'."
        )

    def _store(
        self, data: bytes, is_gzip: bool, destinations: Sequence[Destination], entry: RequestEntry
    ) -> None:
        body = decompress(data) if is_gzip else data
        entry.bytes = len(body)
        rows = self._rows(decode(body), entry)
        if not rows:
            return
        if not destinations:
            entry.warn("No data flow takes this stream: nothing was stored.")
            return
        batches: list[tuple[Destination, Sequence[tuple[Any, ...]]]] = []
        for destination in destinations:
            coerced = coerce_rows(rows, destination.columns, entry.time)
            _report(coerced, destination, entry)
            batches.append((destination, coerced.rows))
        removed = self.store.insert(batches)
        entry.rows_stored = sum(len(stored) for _, stored in batches)
        if removed:
            entry.warn(f"The table is full: its {removed} oldest rows were removed.")

    def _rows(self, decoded: Any, entry: RequestEntry) -> list[dict[str, Any]]:
        if isinstance(decoded, dict):
            entry.rows_in = 1
            if self.mode == "lenient":
                entry.warn("The body is an object; Azure stores nothing of it. Send an array of objects.")
                return [decoded]
            # Seen more than once (azure-sdk-for-python#32562, azure-sdk-for-go#23353): success, and no row.
            entry.warn(
                "The body is an object: answered 204 and stored nothing, as Azure does. Send an array."
            )
            return []
        # What Azure answers to an array of anything but objects is not published.
        if not isinstance(decoded, list) or not all(type(row) is dict for row in decoded):
            raise malformed("the body must be an array of objects")
        entry.rows_in = len(decoded)
        return decoded


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity"}:
        # What Azure answers is not published; gzip is the only encoding that its specification knows.
        raise Refusal(
            415, "UnsupportedContentEncoding", f"The Content-Encoding must be gzip, got '{encoding}'."
        )
    return encoding == "gzip"


def _report(coerced: Coerced, destination: Destination, entry: RequestEntry) -> None:
    entry.columns_dropped += coerced.dropped.total()
    table = destination.table
    if coerced.dropped:
        names = ", ".join(sorted(coerced.dropped)[:_NAMES_SHOWN])
        more = ", ..." if len(coerced.dropped) > _NAMES_SHOWN else ""
        entry.warn(f"{table}: properties dropped because they are not declared: {names}{more}.")
    if coerced.misfits:
        entry.warn(f"{table}: {coerced.misfits} values became null because they do not fit their column.")
    if coerced.truncated:
        entry.warn(f"{table}: {coerced.truncated} values over 64 KB were truncated.")
    if coerced.restamped:
        entry.warn(f"{table}: {coerced.restamped} times outside the window became the time of receipt.")
