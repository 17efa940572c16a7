"""The ingestion request: every check that Azure makes, in one order, before its rows are looked at.

The order in which Azure itself checks is not published; this one goes from the gateway's checks inwards.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from dcrlog.emulator.answers import Refusal, no_access, rule_not_found, too_many_requests, unknown_stream
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.body import READ_TIMEOUT, declared_length, read
from dcrlog.emulator.landing import Landing, Mode
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.rules import ServedRule, ServedStream
from dcrlog.emulator.window import Window
from dcrlog.emulator.workspace import Workspace

# There is a specification of the last one; no official client sends it.
API_VERSIONS: Final = ("2021-11-01-preview", "2023-01-01", "2023-04-01-preview")

_T = TypeVar("_T")


class Run(Protocol):
    """A way to have work done outside the event loop."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]:
        """Run a function in a thread, so that the event loop answers others meanwhile."""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Answers ingestion requests.

    Attributes:
        workspace: The rules.
        landing: Stores the rows.
        authority: Checks tokens.
        mode: How strictly to answer.
        run: Runs a function in a thread, so that the event loop answers others meanwhile.
        windows: What each rule has taken in the present minute; None where it may take any amount.
        read_timeout: Seconds in which a body must arrive.
    """

    workspace: Workspace
    landing: Landing
    authority: Authority
    mode: Mode
    run: Run
    windows: dict[str, Window] | None = None
    read_timeout: float = READ_TIMEOUT

    async def answer(self, request: Request, entry: RequestEntry) -> Response:
        """Store the rows of a request and return 204.

        Raises:
            Refusal: With the answer that Azure gives.
        """
        entry.raw_bytes = int(request.headers.get("content-length", 0))
        self._check_api_version(request, entry)
        rule, served = self._find_stream(request)
        self._check_content_type(request, entry)
        is_gzip = _is_gzip(request)
        length = declared_length(request.headers)
        window = self._window(rule)
        if window is not None and not window.admit(length):
            raise too_many_requests(window.retry_after())
        data = await read(request, self.read_timeout)
        entry.raw_bytes = len(data)
        await self.run(lambda: self.landing.land(rule, served, data, is_gzip=is_gzip, entry=entry))
        if window is not None:
            # The documentation counts both compressed and uncompressed data.
            window.add(max(0, entry.bytes - length))
        return Response(status_code=204)

    def _window(self, rule: ServedRule) -> Window | None:
        return None if self.windows is None else self.windows.setdefault(rule.immutable_id.lower(), Window())

    def _check_api_version(self, request: Request, entry: RequestEntry) -> None:
        version = request.query_params.get("api-version")
        if version in API_VERSIONS:
            return
        known = ", ".join(API_VERSIONS)
        if self.mode == "lenient":
            entry.warn(f"api-version {version!r} is not one of {known}; accepted in lenient mode.")
            return
        # What Azure answers is not published; these are the codes of Azure Resource Manager.
        if not version:
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

    def _find_stream(self, request: Request) -> tuple[ServedRule, ServedStream]:
        bearer = self.authority.check(request.headers.get("authorization"))
        rule_id = request.path_params["rule_id"]
        rule = self.workspace.rule(rule_id)
        if rule is None:
            raise rule_not_found(rule_id)
        if not bearer.has_role:
            raise no_access(rule_id, tenant_id=bearer.tenant_id, object_id=bearer.object_id)
        stream = request.path_params["stream"]
        if stream not in rule.streams:
            raise unknown_stream(stream, rule_id)
        return rule, rule.streams[stream]

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


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity"}:
        # What Azure answers is not published; gzip is the only encoding that its specification knows.
        raise Refusal(
            415, "UnsupportedContentEncoding", f"The Content-Encoding must be gzip, got '{encoding}'."
        )
    return encoding == "gzip"
