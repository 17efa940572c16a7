"""What one open page has not seen yet, as events."""

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dcrlog.emulator.connection import wire_of
from dcrlog.emulator.page.requests import SHOWN as REQUESTS_SHOWN
from dcrlog.emulator.page.requests import drop_lines, request_lines
from dcrlog.emulator.page.rows import SHOWN, row_lines
from dcrlog.emulator.page.switches import fault_switches
from dcrlog.emulator.page.tables import table_state
from dcrlog.emulator.page.ways import rule_ways
from dcrlog.emulator.service import Service

_PAUSE = 0.25
"""Seconds between two looks."""
_MOVING = 4
"""Looks after which curves move on, though nothing has come."""
_SILENT = 60
"""Looks after which a sign of life is sent."""


class Feed:
    """The events of one page.

    Args:
        service: What is shown.
        table: The table whose rows are followed.
        seen: What the page has, as `seen_by` writes it.
    """

    def __init__(self, service: Service, *, table: str, seen: str) -> None:
        self._service = service
        self._table = table
        self._epoch, *numbers = seen.split(".")
        self._row, self._request, *_ = (*map(_number, numbers), 0, 0)
        self._sent: dict[str, str] = {}

    def events(self) -> Iterator[bytes]:
        """Yield what has come since the last time."""
        service = self._service
        if self._epoch != service.pulse.epoch:
            self._epoch = service.pulse.epoch
            self._row = self._request = 0
            yield self._event("reset", {})
        rows = self._rows()
        requests = service.history.numbered(after=self._request, last=REQUESTS_SHOWN)
        if rows:
            missed = rows[0][0] - self._row - 1
            self._row = rows[-1][0]
            yield self._event("rows", {"html": row_lines(rows), "count": len(rows), "missed": missed})
        if requests:
            self._request = requests[-1][0]
            yield self._event("requests", {"html": request_lines(requests)})
        yield self._event("state", self._state())

    def _rows(self) -> list[tuple[int, dict[str, Any]]]:
        if not self._table:
            return []
        return self._service.store.numbered(self._table, after=self._row, limit=SHOWN, last=True)

    def _state(self) -> dict[str, Any]:
        service = self._service
        drops = service.history.drops()
        parts = {
            "faults": fault_switches(service.faults),
            "drops": drop_lines(drops),
            "rules": rule_ways(service.workspace.rules),
        }
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent |= changed
        return {"tables": table_state(service), "losses": len(drops), **changed}

    def _event(self, name: str, content: dict[str, Any]) -> bytes:
        data = json.dumps(content)
        seen = seen_by(self._epoch, self._row, self._request)
        return f"event: {name}\nid: {seen}\ndata: {data}\n\n".encode()


class EventStream(Response):
    """Sends the events of a feed for as long as the page is there."""

    media_type = "text/event-stream"

    def __init__(self, service: Service, feed: Feed) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        del self.headers["content-length"]
        self._service = service
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send until the connection is lost, which is also how the server ends."""
        wire, pulse = wire_of(scope), self._service.pulse
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        seen, looks = -1, 0
        while True:
            is_new = pulse.version != seen
            if is_new or (looks % _MOVING == 0 and pulse.is_moving()):
                seen = pulse.version
                body = await self._service.run(lambda: b"".join(self._feed.events()))
                await send({"type": "http.response.body", "body": body, "more_body": True})
            elif looks % _SILENT == 0:
                await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            if not await wire.wait(_PAUSE):
                return
            looks += 1


def last_seen(request: Request) -> str:
    """Return what a page has, as it says when it comes, and when it comes again."""
    return request.headers.get("last-event-id") or request.query_params.get("after", "")


def seen_by(epoch: str, row: int, request: int) -> str:
    """Return what a page has, for it to keep: everything of an epoch up to a row and a request."""
    return f"{epoch}.{row}.{request}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0
