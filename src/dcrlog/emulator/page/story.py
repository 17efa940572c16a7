"""A row's story: what was sent, typed, transformed and stored, side by side."""

from typing import Any, Final

from dcrlog.emulator.page.html import Child, Html, element
from dcrlog.emulator.page.values import compact, short, whole
from dcrlog.emulator.service import Service
from dcrlog.emulator.story import Story

REASONS: Final = {
    "undeclared": "not declared by the stream",
    "lacking": "not a column of the table",
    "misfit": "does not fit the type: null",
    "truncated": "cut to 64 KB",
    "filtered": "left out by the transformation",
    "restamped": "out of the window: time of receipt",
    "not an array": "the body is an object, not an array",
    "no flow": "no data flow takes the stream",
    "removed": "the table is full",
}
"""Why something was lost or changed, in words."""

_HEADS: Final = {
    "sent": ("Sent", "the object in the body"),
    "typed": ("Typed", "by the stream's columns"),
    "transformed": ("Transformed", "by the rule"),
    "stored": ("Stored", "what the table keeps"),
}
_ABSENT: Final = object()


def story_of(service: Service, table: str, number: int) -> Html:
    """Return the story of a row as a panel."""
    story = service.story(table, number)
    return _no_story(table, number) if story is None else _panel(story)


def _panel(story: Story) -> Html:
    names = list(dict.fromkeys(name for _, row in story.stages for name in row))
    told = [name for name in names if any(row.get(name) is not None for _, row in story.stages)]
    transformation = story.transformation or "source"
    return element(
        "section",
        element(
            "header",
            element("h2", f"{story.table} #{story.number}", id="story-title"),
            element("span", f"stream {story.stream}", class_="meta"),
            element("span", f"request {story.request_id}", class_="meta"),
            element("span", f"received {story.received}", class_="meta"),
            element("button", "Close", element("kbd", "Esc"), type="button", data_do="close-story"),
        ),
        element(
            "div",
            element(
                "table",
                element("thead", element("tr", element("th", "Field", scope="col"), _heads(transformation))),
                element("tbody", [_field(story, name) for name in told]),
            ),
            class_="scroll",
            tabindex=0,
        ),
        class_="story",
        aria_labelledby="story-title",
        tabindex=-1,
    )


def _no_story(table: str, number: int) -> Html:
    return element(
        "section",
        element(
            "header",
            element("h2", f"{table} #{number}", id="story-title"),
            element("button", "Close", element("kbd", "Esc"), type="button", data_do="close-story"),
        ),
        element(
            "p", "There is no such row, or the body that brought it is not kept any more.", class_="empty"
        ),
        class_="story",
        aria_labelledby="story-title",
        tabindex=-1,
    )


def _heads(transformation: str) -> list[Html]:
    heads = []
    for name, (title, about) in _HEADS.items():
        detail: Child = element("span", about)
        if name == "transformed":
            detail = element("code", transformation)
        heads.append(element("th", title, " ", detail, scope="col"))
    return heads


def _field(story: Story, name: str) -> Html:
    notes = {note.stage: note.reason for note in story.notes if note.field == name}
    cells = []
    before: Any = _ABSENT
    for stage, row in story.stages:
        value = row.get(name, _ABSENT)
        cells.append(_cell(value, before, notes.get(stage)))
        before = value
    return element(
        "tr", element("th", short(name, 100), scope="row"), cells, class_="noted" if notes else None
    )


def _cell(value: Any, before: Any, reason: str | None) -> Html:
    note = element("small", REASONS[reason]) if reason else None
    if value is _ABSENT:
        return element(
            "td", "-" if before is not _ABSENT else None, note, class_="lost" if note else "absent"
        )
    is_same = before is not _ABSENT and compact(value) == compact(before)
    kind = "null" if value is None else type(value).__name__
    marks = ["same" if is_same else "changed" if before is not _ABSENT else "first", kind]
    return element(
        "td",
        element("span", whole(value), dir="auto"),
        note,
        class_=" ".join([*marks, "lost"] if note else marks),
    )
