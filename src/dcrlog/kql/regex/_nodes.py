"""What a pattern is made of."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set, written as Python's `re` has it."""

    source: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between characters, written as Python's `re` has it."""

    source: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The first of these that leads to a match."""

    options: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, from `least` to `most` times; None for any number."""

    part: "Part"
    least: int
    most: int | None
    is_lazy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A part whose match is kept under a number."""

    part: "Part"
    number: int


Part = Chars | Mark | Sequence | Alternatives | Repeat | Group


def matches_nothing_of(one: Chars, other: Chars) -> bool:
    """Tell whether no character is in both sets; None of ASCII, and one of them has only ASCII."""
    tests = [re.compile(each.source) for each in (one, other)]
    if any(all(test.fullmatch(chr(code)) for test in tests) for code in range(128)):
        return False
    # Sets with anything beyond ASCII are taken to meet there. These three stand for what classes have.
    return any(
        not any(test.fullmatch(each) for each in "\xe9\u0660\u2003\U0001f600") for test in tests
    ) and any(_is_ascii(each.source) for each in (one, other))


def _is_ascii(source: str) -> bool:
    return source.isascii() and not re.search(r"\\[dDwWsSuU]|\[\^|\(\?i|^\.", source)
