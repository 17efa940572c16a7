"""The request log, and what was lost, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.page.story import REASONS
from dcrlog.emulator.page.values import clock, short, size

SHOWN: Final = 60
"""Requests sent to a page at once; it keeps more of them."""

REQUEST_HEADS: Final = (
    "Time", "Status", "What", "Rows in", "Stored", "Body", "On the wire", "ms", "Client request id",
    "User agent",
)  # fmt: skip
DROP_HEADS: Final = ("Why", "Field", "Stream", "Table", "Times", "Example", "Last")


def request_lines(requests: Iterable[tuple[int, Mapping[str, Any]]]) -> Html:
    """Return numbered requests as rows of a table, the newest first."""
    return join([_request(number, entry) for number, entry in reversed(list(requests))])


def drop_lines(drops: Sequence[Mapping[str, Any]]) -> Html:
    """Return what was lost as rows of a table."""
    return join([_drop(drop) for drop in drops])


def _request(number: int, entry: Mapping[str, Any]) -> Html:
    status, is_upload = int(entry["status"]), entry["kind"] == "ingestion"
    what = entry["path"].rpartition("/")[2] if is_upload else entry["kind"]
    counts = [f"{entry['rows_in']:,}", f"{entry['rows_stored']:,}", size(entry["bytes"])]
    notes = [
        element("span", f"fault: {entry['fault']}", class_="fault") if entry["fault"] else None,
        element("span", entry["error"], class_="error") if entry["error"] else None,
        element("span", short(entry["warning"], 1_000), class_="warning") if entry["warning"] else None,
    ]
    return element(
        "tr",
        element("td", clock(entry["time"]), title=entry["time"]),
        element("td", element("span", status or "none", class_=f"status {_status_kind(status)}")),
        element("td", short(what, 60), title=short(entry["path"], 300), class_="what"),
        [element("td", count if is_upload else "", class_="num") for count in counts],
        element("td", size(entry["raw_bytes"]) if entry["raw_bytes"] else "", class_="num"),
        element("td", f"{entry['ms']:.1f}", class_="num"),
        element("td", short(entry["client_request_id"] or "", 36), class_="id"),
        element("td", element("span", short(entry["user_agent"] or "", 200)), class_="agent"),
        element("td", notes, class_="notes") if any(notes) else None,
        data_n=number,
    )


def _status_kind(status: int) -> str:
    if status == 0:
        return "bad"
    return "good" if status < 300 else "warn" if status < 500 else "bad"


def _drop(drop: Mapping[str, Any]) -> Html:
    return element(
        "tr",
        element("td", REASONS[drop["reason"]]),
        element("td", element("b", short(drop["field"], 60) or "whole rows")),
        element("td", short(drop["stream"], 60)),
        element("td", short(drop["table"], 60) or "-"),
        element("td", f"{drop['count']:,}", class_="num"),
        element("td", element("code", short(drop["example"], 80))),
        element("td", clock(drop["until"]), title=drop["until"]),
    )
