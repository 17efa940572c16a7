"""Text to tokens. Positions are offsets, so that an error can be drawn under the text."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from dcrlog.kql._literals import unescape, unescape_verbatim
from dcrlog.kql._types import TYPES
from dcrlog.kql.errors import Span, syntax_error

Kind = Literal["name", "string", "long", "real", "timespan", "typed", "symbol", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the language.

    Attributes:
        kind: What sort of word.
        value: A name, a string's content, a number's text, a typed literal's content, or the symbol.
        at: Where it stands.
        type_name: The type before the parentheses of a typed literal, in lower case.
    """

    kind: Kind
    value: str
    at: Span
    type_name: str = ""


_SKIPPED: Final = re.compile(r"(?:\s|//[^\n]*)+")
_NAME: Final = re.compile(r"[^\W\d]\w*|\$\w+")
# An operator such as project-away is one word, but a - b is three: only a pipe tells.
_HYPHENATED: Final = re.compile(r"(?:project|parse|mv|make|top|sample|graph)-[a-z]+(?:-[a-z]+)*")
_NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F]+(?!\w)"
    r"|(?P<timespan>\d+(?:\.\d+)?(?:d(?:ays?)?|h(?:ours?|rs?)?|m(?:inutes?|in)?|s(?:econds?|ec)?|ms"
    r"|milli(?:s(?:ec(?:onds?)?)?|seconds?)?|micro(?:s(?:ec(?:onds?)?)?|seconds?)?"
    r"|nano(?:s(?:ec(?:onds?)?)?|seconds?)?|ticks?)(?!\w))"
    r"|(?P<real>\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?!\w))"
    r"|\d+(?!\w)"
)
_STRING: Final = re.compile(r"""[hH]?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')""")
_VERBATIM: Final = re.compile(r"""[hH]?@(?:"((?:[^"\n]|"")*)"|'((?:[^'\n]|'')*)')""")
_LINES: Final = re.compile(r"```(.*?)```|~~~(.*?)~~~", re.DOTALL)
_TYPED: Final = re.compile(rf"({'|'.join((*TYPES, 'decimal'))})\s*\(", re.IGNORECASE)
_UNTYPED: Final = frozenset({"string"})
# What is quoted inside a typed literal may have parentheses.
_CONTENT: Final = re.compile(r"""(?:[^()"'\[\]{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""", re.DOTALL)
_WORD_OPERATOR: Final = re.compile(
    r"!(?:in~?|between|(?:has|contains|startswith|endswith|hasprefix|hassuffix)(?:_cs)?)(?!\w)|in~"
)
_SYMBOL: Final = re.compile(r"==|!=|=~|!~|<=|>=|<>|=>|\.\.|[|,;:()\[\]{}=<>+\-*/%.]")


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text; the last is of kind `end`.

    Raises:
        MistakeError: A character or a quote that begins nothing.
    """
    tokens: list[Token] = []
    offset = 0
    while True:
        skipped = _SKIPPED.match(text, offset)
        if skipped:
            offset = skipped.end()
        if offset >= len(text):
            tokens.append(Token("end", "<EOF>", (offset, offset)))
            return tokens
        token = _next(text, offset, after_pipe=bool(tokens) and tokens[-1].value == "|")
        tokens.append(token)
        offset = token.at[1]


def _next(text: str, offset: int, *, after_pipe: bool) -> Token:
    first = text[offset]
    if first in "\"'@hH`~" and (string := _string(text, offset)):
        return string
    if (found := _TYPED.match(text, offset)) and found[1].lower() not in _UNTYPED:
        return _typed(text, found)
    words: list[tuple[re.Pattern[str], Kind]] = [
        (_WORD_OPERATOR, "symbol"),
        (_NAME, "name"),
        (_SYMBOL, "symbol"),
    ]
    if after_pipe:
        words.insert(0, (_HYPHENATED, "name"))
    for pattern, kind in words:
        if found := pattern.match(text, offset):
            return Token(kind, found[0], found.span())
    if found := _NUMBER.match(text, offset):
        kind = "timespan" if found["timespan"] else "real" if found["real"] else "long"
        return Token(kind, found[0], found.span())
    if first in "\"'":
        raise syntax_error("the string has no closing quote on its line", (offset, len(text)))
    raise syntax_error(f"token recognition error at: '{first}'", (offset, offset + 1))


def _string(text: str, offset: int) -> Token | None:
    if found := _VERBATIM.match(text, offset):
        quote = text[found.end() - 1]
        content = unescape_verbatim(found[1] if found[1] is not None else found[2], quote)
    elif found := _STRING.match(text, offset):
        group = 1 if found[1] is not None else 2
        content = unescape(found[group], found.start(group))
    elif found := _LINES.match(text, offset):
        content = found[1] if found[1] is not None else found[2]
    else:
        return None
    return Token("string", content, found.span())


def _typed(text: str, opening: re.Match[str]) -> Token:
    depth, offset = 1, opening.end()
    while depth:
        if found := _CONTENT.match(text, offset):
            offset = found.end()
        if offset >= len(text) or text[offset] in "\"'":
            raise syntax_error(f"{opening[1]}( has no closing parenthesis", (opening.start(), opening.end()))
        depth += 1 if text[offset] in "([{" else -1
        offset += 1
    content = text[opening.end() : offset - 1]
    return Token("typed", content, (opening.start(), offset), opening[1].lower())
