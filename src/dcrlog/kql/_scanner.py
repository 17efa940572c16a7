"""A quick way to take texts apart in which each string of parse is found where it first occurs.

A pattern with several columns splits a text in more ways than Python's engine may try, and our own takes
hundreds of times as long as a search for each string, which is as quick for any text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dcrlog.kql import _tree as tree
from dcrlog.kql._types import Type

Scan = Callable[[str], list[str] | None]


@dataclass(frozen=True, slots=True)
class _Step:
    """What stands before a string, and the string.

    Attributes:
        digits: The number that stands there, if one does.
        captures: Whether the text before the string is a column.
        skips: Whether any text may stand before the string.
        literal: The string; None for the end of the text.
        is_last: Whether the string must end the text.
    """

    digits: re.Pattern[str] | None
    captures: bool
    skips: bool
    literal: str | None
    is_last: bool

    def take(self, text: str, position: int, found: list[str]) -> int:
        """Add what is captured, and return where the string ends; -1 where the text does not match."""
        if self.digits is not None:
            number = self.digits.match(text, position)
            if number is None:
                return -1
            found.append(number[0])
            position = number.end()
        at = self._find(text, position)
        if self.captures and at >= 0:
            found.append(text[position:at])
        return at if at < 0 or self.literal is None else at + len(self.literal)

    def _find(self, text: str, position: int) -> int:
        if self.literal is None:
            return len(text) if self.captures or self.skips or position == len(text) else -1
        if not self.captures and not self.skips:
            return position if text.startswith(self.literal, position) else -1
        return text.rfind(self.literal, position) if self.is_last else text.find(self.literal, position)


def make_scan(parts: Sequence[tree.Node], numbers: Mapping[Type, str]) -> Scan | None:
    """Return the quick way, or None where there is none.

    It finds what the pattern would find. If it finds nothing and a number is among the columns, the pattern
    has to be asked.

    Args:
        parts: The parts of parse.
        numbers: How columns look that hold numbers.
    """
    steps: list[_Step] = []
    digits, captures, skips = None, False, False
    for place, part in enumerate([*parts, None]):
        if isinstance(part, tree.Skip):
            skips = True
        elif isinstance(part, tree.Capture):
            if skips:
                return None
            captures = part.type not in numbers
            digits = None if captures else re.compile(numbers[part.type], re.ASCII)
        else:
            literal = part.value if isinstance(part, tree.Literal) else None
            steps.append(_Step(digits, captures, skips, literal, place == len(parts) - 1))
            digits, captures, skips = None, False, False

    def scan(text: str) -> list[str] | None:
        found: list[str] = []
        position = 0
        for step in steps:
            position = step.take(text, position, found)
            if position < 0:
                return None
        return found

    return scan
