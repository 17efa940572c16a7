"""A matcher that follows all ways at once (Thompson, Pike): its time grows with the text, and not faster.

Of several matches it finds the one that Perl, RE2 and Python would: the leftmost, and of those the one
that takes the earlier alternative.
"""

import re
from typing import TYPE_CHECKING, Final

from dcrlog.kql.regex._nodes import Alternatives, Chars, Group, Mark, Part, Repeat, Sequence
from dcrlog.kql.regex._syntax import RegexError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_INSTRUCTIONS: Final = 5_000
MAX_STEPS: Final = 2_000_000
"""A search that takes more steps than this, seconds of them, is given up: there is no match."""

Spans = tuple[int, ...]
"""Begin and end of the match and of each group; -1 for a group that took no part."""

_CHARS, _SPLIT, _JUMP, _SAVE, _MARK, _MATCH = range(6)


class _Test(dict[str, bool]):
    """Whether a character is in a set, looked up once for each character."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._matches: Callable[[str], object] = re.compile(source).fullmatch

    def __missing__(self, character: str) -> bool:
        self[character] = found = self._matches(character) is not None
        return found


class Machine:
    """A pattern as a program.

    Raises:
        RegexError: Its repetitions multiply to more instructions than the limit.
    """

    def __init__(self, pattern: Part, groups: int) -> None:
        self._code: list[tuple[int, ...]] = []
        self._tests: list[_Test] = []
        self._marks: list[Callable[[str, int], object]] = []
        self._width = 2 * groups + 2
        self._add(Group(pattern, 0))
        self._emit(_MATCH)

    def _emit(self, *instruction: int) -> int:
        if len(self._code) >= MAX_INSTRUCTIONS:
            raise RegexError("the pattern is too large")
        self._code.append(instruction)
        return len(self._code) - 1

    def _add(self, part: Part) -> None:
        match part:
            case Chars():
                self._tests.append(_Test(part.source))
                self._emit(_CHARS, len(self._tests) - 1)
            case Mark():
                self._marks.append(re.compile(part.source).match)
                self._emit(_MARK, len(self._marks) - 1)
            case Sequence():
                for each in part.parts:
                    self._add(each)
            case Group():
                self._emit(_SAVE, 2 * part.number)
                self._add(part.part)
                self._emit(_SAVE, 2 * part.number + 1)
            case Alternatives():
                self._alternatives(part)
            case Repeat():
                self._repeat(part)

    def _alternatives(self, part: Alternatives) -> None:
        jumps = []
        for option in part.options[:-1]:
            split = self._emit(_SPLIT, 0, 0)
            self._add(option)
            jumps.append(self._emit(_JUMP, 0))
            self._code[split] = (_SPLIT, split + 1, len(self._code))
        self._add(part.options[-1])
        for jump in jumps:
            self._code[jump] = (_JUMP, len(self._code))

    def _repeat(self, part: Repeat) -> None:
        for _ in range(part.least):
            self._add(part.part)
        if part.most is None:
            split = self._emit(_SPLIT, 0, 0)
            self._add(part.part)
            self._emit(_JUMP, split)
            self._close(split, part.is_lazy)
            return
        splits = []
        for _ in range(part.most - part.least):
            splits.append(self._emit(_SPLIT, 0, 0))
            self._add(part.part)
        for split in splits:
            self._close(split, part.is_lazy)

    def _close(self, split: int, is_lazy: bool) -> None:
        inside, behind = split + 1, len(self._code)
        self._code[split] = (_SPLIT, behind, inside) if is_lazy else (_SPLIT, inside, behind)

    def search(self, text: str, start: int) -> Spans | None:
        """Return the spans of the first match from there on."""
        code, tests = self._code, self._tests
        nowhere = (-1,) * self._width
        threads: list[tuple[int, Spans]] = []
        found: Spans | None = None
        steps = 0
        seen: set[int] = set()
        for position in range(start, len(text) + 1):
            if found is None:
                self._follow((0, nowhere), (text, position), seen, threads)
            if not threads:
                if found is not None:
                    break
                seen = set()
                continue
            steps += len(threads) + len(seen) + 1
            if steps > MAX_STEPS:
                return None
            following: list[tuple[int, Spans]] = []
            seen = set()
            character = text[position] if position < len(text) else None
            for counter, spans in threads:
                operation = code[counter]
                if operation[0] == _MATCH:
                    # Threads behind this one would take a later alternative.
                    found = spans
                    break
                if character is not None and tests[operation[1]][character]:
                    self._follow((counter + 1, spans), (text, position + 1), seen, following)
            threads = following
        return found

    def _follow(
        self,
        thread: tuple[int, Spans],
        place: tuple[str, int],
        seen: set[int],
        threads: list[tuple[int, Spans]],
    ) -> None:
        """Add the threads that stand before a character, or at the end, without taking one."""
        pending = [thread]
        while pending:
            counter, spans = pending.pop()
            if counter in seen:
                continue
            seen.add(counter)
            operation = self._code[counter]
            kind = operation[0]
            if kind in {_CHARS, _MATCH}:
                threads.append((counter, spans))
            elif kind == _JUMP:
                pending.append((operation[1], spans))
            elif kind == _SPLIT:
                pending.append((operation[2], spans))
                pending.append((operation[1], spans))
            elif kind == _SAVE:
                slot = operation[1]
                pending.append((counter + 1, (*spans[:slot], place[1], *spans[slot + 1 :])))
            elif self._marks[operation[1]](*place):
                pending.append((counter + 1, spans))
