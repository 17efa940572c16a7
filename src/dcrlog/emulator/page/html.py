"""HTML as values: whatever is put into an element is escaped, unless it is an element itself."""

import html
from collections.abc import Iterable
from typing import Final, TypeAlias

from dcrlog.errors import printable

_VOID: Final = frozenset({"br", "input", "link", "meta", "polyline"})


class Html(str):
    """Text that is HTML already. Only this module makes one of text that it has not escaped."""

    __slots__ = ()


Child: TypeAlias = str | int | float | Iterable["Child"] | None
"""What may stand in an element: text, elements, nothing."""


def element(tag: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Return an element.

    Args:
        tag: Its name.
        children: Its content.
        attributes: Without those that are None or False; one that is True has no value. A trailing underscore
            is cut off, and other underscores become dashes.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """Return content one after the other, escaped."""
    return Html("".join(_content(child) for child in children))


def visible(text: str, *, lines: bool = False) -> str:
    """Return text with escapes in place of what does not print or turns the direction of what follows.

    Args:
        text: The text.
        lines: Keep the ends of lines.
    """
    if lines:
        return "\n".join(printable(line) for line in text.split("\n"))
    return printable(text.replace("\n", "⏎"))


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def _content(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int | float):
        return html.escape(str(child))
    return "".join(_content(each) for each in child)
