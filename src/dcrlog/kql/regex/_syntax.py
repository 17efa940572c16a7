"""Reads a pattern, and refuses what RE2 refuses: look-around, backreferences, possessive repetition."""

import re
from typing import Final

from dcrlog.kql.regex._classes import NAMED, property_class
from dcrlog.kql.regex._nodes import Alternatives, Chars, Group, Mark, Part, Repeat, Sequence

_MAX_NESTING: Final = 50
_MAX_REPEAT: Final = 1000
_COUNT: Final = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}", re.ASCII)
_FLAGS: Final = re.compile(r"\(\?([imsUux]*)(?:-([imsUux]+))?([:)])")
_NAMED_GROUP: Final = re.compile(r"\(\?P?<([^\W\d][\w.\[\]]*)>")
_HEX: Final = re.compile(r"x([0-9a-fA-F]{2})|[xu]\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MARKS: Final = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"\B"}


class RegexError(ValueError):
    """A pattern that the service would refuse; the message says what is wrong with it."""


class PatternParser:
    """Reads one pattern.

    Args:
        pattern: The text.
        flags: Letters that hold from the beginning: i, m, s, U, x.

    Attributes:
        groups: How many groups it has.
        names: The numbers of those that have a name.
    """

    def __init__(self, pattern: str, flags: str = "") -> None:
        self._text = pattern
        self._position = 0
        self._nesting = 0
        self._flags = frozenset(flags)
        self.groups = 0
        self.names: dict[str, int] = {}

    def parse(self) -> Part:
        """Return what the pattern is made of.

        Raises:
            RegexError: The pattern is wrong.
        """
        found = self._alternatives()
        if self._position < len(self._text):
            raise RegexError("unexpected )")
        return found

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._position):
            self._position += len(text)
            return True
        return False

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._position)
        if found:
            self._position = found.end()
        return found

    def _alternatives(self) -> Part:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise RegexError(f"nested more than {_MAX_NESTING} deep")
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        self._nesting -= 1
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self._position < len(self._text) and self._text[self._position] not in "|)":
            if "x" in self._flags and self._match(re.compile(r"(?:\s|#[^\n]*)+")):
                continue
            atom = self._atom()
            if atom is not None:
                parts.append(self._repeated(atom))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, atom: Part) -> Part:
        if self._take("*"):
            least, most = 0, None
        elif self._take("+"):
            least, most = 1, None
        elif self._take("?"):
            least, most = 0, 1
        elif count := self._match(_COUNT):
            least = int(count[1])
            most = least if count[2] is None else int(count[3]) if count[3] else None
            if max(least, most or 0) > _MAX_REPEAT or (most is not None and most < least):
                raise RegexError(f"bad repetition {count[0]}")
        else:
            return atom
        is_lazy = self._take("?") != ("U" in self._flags)
        if self._text[self._position : self._position + 1] in {"*", "+", "?"}:
            raise RegexError("bad repetition operator: two in a row")
        if isinstance(atom, Mark):
            return atom if least else Sequence(())
        return Repeat(atom, least, most, is_lazy)

    def _atom(self) -> Part | None:
        character = self._text[self._position]
        if character == "(":
            return self._group()
        if character == "[":
            return self._bracket()
        if character in "*+?":
            raise RegexError(f"missing argument to repetition operator {character}")
        self._position += 1
        if character == "\\":
            return self._escape()
        return self._plain_atom(character)

    def _plain_atom(self, character: str) -> Part:
        if character == "^":
            return Mark("(?m:^)" if "m" in self._flags else r"\A")
        if character == "$":
            return Mark("(?m:$)" if "m" in self._flags else r"\Z")
        if character == ".":
            return Chars("(?s:.)" if "s" in self._flags else r"[^\n]")
        return self._chars(re.escape(character))

    def _chars(self, source: str) -> Chars:
        return Chars(f"(?i:{source})" if "i" in self._flags else source)

    def _group(self) -> Part | None:
        if found := self._match(_FLAGS):
            before = self._flags
            self._flags = (before | frozenset(found[1])) - frozenset(found[2] or "")
            if found[3] == ")":
                return None
            inner = self._alternatives()
            self._flags = before
        else:
            number = None
            if named := self._match(_NAMED_GROUP):
                self.groups = number = self.groups + 1
                self.names[named[1]] = number
            elif self._text.startswith("(?", self._position):
                what = self._text[self._position : self._position + 4]
                raise RegexError(f"invalid or unsupported group {what}: there is no look-around")
            else:
                self._position += 1
                self.groups = number = self.groups + 1
            before = self._flags
            inner = Group(self._alternatives(), number)
            self._flags = before
        if not self._take(")"):
            raise RegexError("missing closing )")
        return inner

    def _escape(self) -> Part:
        if self._position >= len(self._text):
            raise RegexError("trailing backslash")
        character = self._text[self._position]
        if character in _MARKS and self._text[self._position + 1 : self._position + 2] != "{":
            self._position += 1
            return Mark(_MARKS[character])
        return self._chars(f"[{self._escaped_set()}]")

    def _escaped_set(self) -> str:
        """Read what follows a backslash, and return it as it stands inside Python's brackets."""
        if found := self._match(_HEX):
            code = int(next(group for group in found.groups() if group), 16)
            if code > 0x10FFFF:
                raise RegexError(f"invalid character \\{found[0]}")
            return _escaped(chr(code))
        character = self._text[self._position : self._position + 1]
        self._position += 1
        if character and character in "dDsSwW":
            return f"\\{character}"
        if character in {"p", "P"}:
            return property_class(self._property_name(), is_negated=character == "P")
        if character in _CONTROLS:
            return _escaped(_CONTROLS[character])
        if character.isalnum() or not character.isascii() or not character:
            raise RegexError(f"invalid escape sequence \\{character}")
        return _escaped(character)

    def _property_name(self) -> str:
        found = self._match(re.compile(r"\{(\^?\w+)\}|(\w)"))
        name = found and (found[1] or found[2])
        if not name or not property_class(name, is_negated=False):
            raise RegexError(f"unknown or unsupported character class \\p{found[0] if found else ''}")
        return name

    def _bracket(self) -> Part:
        start = self._position
        self._position += 1
        negation = "^" if self._take("^") else ""
        members = ""
        while not (self._take("]") and members):
            if self._text[self._position - 1 : self._position] == "]" and not members:
                members = r"\]"
                continue
            members += self._member(start)
        return self._chars(f"[{negation}{members}]")

    def _member(self, start: int) -> str:
        rest = self._text[self._position : self._position + 2]
        if not rest:
            raise RegexError(f"missing closing ] of {self._text[start : start + 20]}")
        if rest in {"&&", "--", "~~"}:
            raise RegexError(f"operations on character classes, {rest}, are not supported")
        if found := self._match(re.compile(r"\[:(\^?)(\w+):\]")):
            if found[2] not in NAMED or found[1]:
                raise RegexError(f"invalid character class {found[0]}")
            return NAMED[found[2]]
        first = self._character()
        following = self._text[self._position + 1 : self._position + 2]
        if len(first) > 2 or not self._text.startswith("-", self._position) or following in {"]", ""}:
            return first
        if first[-1:] in "dDsSwW" and first.startswith("\\"):
            return first
        self._position += 1
        last = self._character()
        if (
            _plain(last) is None
            or _plain(first) is None
            or ord(_plain(first) or "") > ord(_plain(last) or "")
        ):
            raise RegexError(f"invalid character class range {first}-{last}")
        return f"{first}-{last}"

    def _character(self) -> str:
        character = self._text[self._position]
        self._position += 1
        return self._escaped_set() if character == "\\" else _escaped(character)


def _escaped(character: str) -> str:
    return character if character.isalnum() else f"\\{character}" if character.isascii() else character


def _plain(source: str) -> str | None:
    if len(source) == 1:
        return source
    return source[1] if len(source) == 2 and not source[1].isalnum() else None
