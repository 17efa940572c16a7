"""The tail of a table: a line a row."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dcrlog.emulator.page.html import Html, element, join
from dcrlog.emulator.page.values import clock, short

SHOWN: Final = 100
"""Rows sent to a page at once; it keeps more of them."""

_LEVELS: Final = ("Level", "SeverityText", "SeverityLevel", "LogSeverity", "EventLevelName", "Severity")
_MESSAGES: Final = ("Message", "Body", "SyslogMessage", "Activity", "RenderedDescription", "Text", "RawData")
_MOST_FIELDS: Final = 24

_KINDS: Final = (
    ("bad", ("err", "crit", "fatal", "emerg", "alert", "panic", "high")),
    ("warn", ("warn", "medium")),
    ("low", ("debug", "trace", "verbose", "low")),
)


def row_lines(rows: Iterable[tuple[int, Mapping[str, Any]]], chosen: int | None = None) -> Html:
    """Return numbered rows as lines, the newest first, with one marked as chosen."""
    return join([_line(number, row, is_chosen=number == chosen) for number, row in reversed(list(rows))])


def level_kind(level: str) -> str:
    """Return which colour a level has."""
    lower = level.lower()
    return next((kind for kind, words in _KINDS if lower.startswith(words)), "info" if lower else "none")


def _line(number: int, row: Mapping[str, Any], *, is_chosen: bool) -> Html:
    level_name = next((name for name in _LEVELS if row.get(name)), "")
    message_name = next((name for name in _MESSAGES if row.get(name)), "")
    level = str(row.get(level_name, ""))
    others = [
        (name, value)
        for name, value in row.items()
        if value is not None and name not in ("TimeGenerated", level_name, message_name)
    ]
    fields = [
        join(element("b", short(name)), element("i", short(value, 80)), " ")
        for name, value in others[:_MOST_FIELDS]
    ]
    if more := len(others) - _MOST_FIELDS:
        fields += [element("b", f"+{more}")] if more > 0 else []
    moment = str(row.get("TimeGenerated") or "")
    return element(
        "li",
        element("span", number, class_="n"),
        element("time", clock(moment), title=moment),
        element("span", short(level, 12), class_="lv"),
        element(
            "span",
            element("span", short(row.get(message_name, ""), 400), class_="msg", dir="auto"),
            " ",
            element("span", fields, class_="kv"),
            class_="text",
        ),
        class_=f"row {level_kind(level)}",
        data_n=number,
        role="option",
        aria_selected="true" if is_chosen else None,
        tabindex=-1,
    )
