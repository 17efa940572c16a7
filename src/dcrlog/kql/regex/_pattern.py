"""A pattern with two ways to match it: Python's engine for texts that it cannot take long for, or our own."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from dcrlog.kql.regex._machine import Machine, Spans
from dcrlog.kql.regex._nodes import (
    Alternatives,
    Chars,
    Group,
    Mark,
    Part,
    Repeat,
    Sequence,
    matches_nothing_of,
)
from dcrlog.kql.regex._syntax import PatternParser, RegexError

_END: Final = Sequence(())
_BUDGET: Final = 20_000_000
"""Steps of Python's engine, of about a nanosecond each, that one text may take in the worst case."""


class Regex:
    """A compiled pattern.

    Raises:
        RegexError: The pattern is wrong, or too large.

    Attributes:
        groups: How many groups it has.
        names: The numbers of those that have a name.
    """

    def __init__(self, pattern: str, flags: str = "") -> None:
        parser = PatternParser(pattern, flags)
        part = parser.parse()
        self.groups = parser.groups
        self.names = parser.names
        self._machine = Machine(part, self.groups)
        writer = _Writer()
        self._python = re.compile(writer.write(part, _END))
        self._longest = _longest(writer, is_anchored=_is_anchored(part))

    def search(self, text: str, start: int = 0) -> Spans | None:
        """Return begin and end of the first match and of its groups."""
        if len(text) > self._longest:
            return self._machine.search(text, start)
        found = self._python.search(text, start)
        return found and tuple(edge for span in found.regs for edge in span)

    def matches(self, text: str) -> bool:
        """Tell whether there is a match anywhere."""
        if len(text) > self._longest:
            return self._machine.search(text, 0) is not None
        return self._python.search(text) is not None

    def find(self, text: str, group: int) -> str | None:
        """Return what a group of the first match took; empty where it took no part, None without a match."""
        spans = self.search(text)
        if spans is None or not 0 <= group <= self.groups:
            return None
        return text[spans[2 * group] : spans[2 * group + 1]] if spans[2 * group] >= 0 else ""

    def replace(self, text: str, expand: Callable[[Spans], str], most: int) -> str:
        """Replace at most so many matches by what is made of their spans."""
        if len(text) <= self._longest:
            return self._python.sub(
                lambda found: expand(tuple(edge for span in found.regs for edge in span)), text, most
            )
        pieces, end = [], 0
        for spans in islice(self.every(text), most):
            pieces += [text[end : spans[0]], expand(spans)]
            end = spans[1]
        return "".join([*pieces, text[end:]])

    def every(self, text: str) -> Iterator[Spans]:
        """Yield the matches that do not overlap, from left to right."""
        start = 0
        while start <= len(text) and (spans := self.search(text, start)) is not None:
            yield spans
            start = spans[1] + (spans[0] == spans[1])


@lru_cache(256)
def compile_regex(pattern: str, flags: str = "") -> Regex:
    """Return a compiled pattern.

    Raises:
        RegexError: The pattern is wrong, or too large.
    """
    try:
        return Regex(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise RegexError(str(error)) from None


def escape(text: str) -> str:
    """Return a pattern that matches a text and nothing else."""
    return "".join(f"\\x{{{ord(each):x}}}" for each in text)


class _Writer:
    """Writes a pattern for Python, and counts in how many ways it could split a text.

    Attributes:
        ways: Repetitions without an upper limit whose end is not certain; each multiplies by the length.
        factor: By how much repetitions with a limit, and alternatives, multiply.
        is_endless: Whether anything repeats without a limit.
        is_nested: Whether one repetition is inside another: the ways grow exponentially.
    """

    def __init__(self) -> None:
        self.ways = 0
        self.factor = 1
        self.is_endless = False
        self.is_nested = False

    def write(self, part: Part, following: Part | None) -> str:
        """Write a part, given what comes next: None where that is not known."""
        match part:
            case Chars() | Mark():
                return part.source
            case Group():
                return f"({self.write(part.part, following)})"
            case Alternatives():
                self.factor *= len(part.options)
                return f"(?:{'|'.join(self.write(option, following) for option in part.options)})"
            case Repeat():
                return self._repeat(part, following)
        if not part.parts:
            return ""
        return "".join(
            self.write(each, after)
            for each, after in zip(part.parts, (*part.parts[1:], following), strict=True)
        )

    def _repeat(self, part: Repeat, following: Part | None) -> str:
        is_certain = not part.is_lazy and isinstance(part.part, Chars) and _ends(part.part, following)
        if not isinstance(part.part, Chars) and part.most != part.least:
            self.is_nested |= part.most is None or _varies(part.part)
        before = self.ways
        inner = self.write(part.part, None)
        self.ways = before + (self.ways - before) * max(1, part.least)
        self.is_endless |= part.most is None
        if not is_certain and part.most is None:
            self.ways += 1
        elif not is_certain:
            self.factor *= (part.most or 0) - part.least + 1
        most = "" if part.most is None else part.most
        return f"(?:{inner}){{{part.least},{most}}}{'+' if is_certain else '?' if part.is_lazy else ''}"


def _ends(repeated: Chars, following: Part | None) -> bool:
    """Tell whether a greedy repetition can only end where it first does, and need not be tried again."""
    if following is None:
        return False
    after = _first(following)
    return after in {_END, Mark(r"\Z")} or (isinstance(after, Chars) and matches_nothing_of(repeated, after))


def _first(part: Part) -> Part:
    match part:
        case Group():
            return _first(part.part)
        case Sequence() if part.parts:
            return _first(part.parts[0])
        case Repeat() if part.least:
            return _first(part.part)
    return part


def _varies(part: Part) -> bool:
    match part:
        case Chars() | Mark():
            return False
        case Group():
            return _varies(part.part)
        case Sequence():
            return any(map(_varies, part.parts))
    return True


def _is_anchored(part: Part) -> bool:
    match part:
        case Mark():
            return part.source == r"\A"
        case Group():
            return _is_anchored(part.part)
        case Sequence():
            return bool(part.parts) and _is_anchored(part.parts[0])
    return False


def _longest(writer: _Writer, *, is_anchored: bool) -> int:
    if writer.is_nested:
        return -1
    power = writer.ways + writer.is_endless + (not is_anchored)
    return int((_BUDGET / min(writer.factor, _BUDGET)) ** (1 / power)) if power else 1 << 30
