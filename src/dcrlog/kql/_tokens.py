"""Walking over tokens, and making nodes of them."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from dcrlog.kql import _tree as tree
from dcrlog.kql._lexer import Token
from dcrlog.kql.errors import MistakeError, syntax_error

MAX_DEPTH: Final = 64
"""How deep expressions nest; what Azure takes is not published."""

_T = TypeVar("_T", bound=tree.Node)


class TokenReader:
    """Where a parser stands among the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    def _peek(self, ahead: int = 1) -> Token:
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._position += 1
        return token

    def _is(self, *symbols: str) -> bool:
        return self._token.kind == "symbol" and self._token.value in symbols

    def _accept(self, symbol: str) -> bool:
        if self._is(symbol):
            self._position += 1
            return True
        return False

    def _expect(self, symbol: str) -> Token:
        if not self._is(symbol):
            raise self._unexpected(f"'{symbol}'")
        return self._next()

    def _unexpected(self, wanted: str) -> MistakeError:
        found = self._token
        if found.kind == "end":
            return syntax_error(f"unexpected end of the query, expecting {wanted}", found.at)
        shown = found.value[:40]
        told = f'"{shown}"' if found.kind == "string" else f"'{shown}'"
        return syntax_error(f"mismatched input {told} expecting {wanted}", found.at)

    def _make(self, node: Callable[..., _T], start: int, *parts: Any) -> _T:
        """Make a node that ends where the parser stands, and refuse one that is too deep."""
        heights = [0]
        for part in parts:
            if node is tree.Binary and part is parts[1] and isinstance(part, tree.Binary):
                # A chain of operators is long, and not deep.
                heights.append(part.height - 1)
            elif isinstance(part, tree.Node):
                heights.append(part.height)
            elif isinstance(part, tuple):
                heights += [each.height for each in part if isinstance(each, tree.Node)]
        at = (start, self._tokens[max(self._position - 1, 0)].at[1])
        if max(heights) >= MAX_DEPTH:
            raise syntax_error(f"the expression is nested more than {MAX_DEPTH} deep", at)
        return node(*parts, at=at, height=max(heights) + 1)

    def _list(self, parse: Callable[[], _T], closing: str) -> tuple[_T, ...]:
        found: list[_T] = []
        if not self._is(closing):
            found.append(parse())
            while self._accept(","):
                found.append(parse())
        self._expect(closing)
        return tuple(found)
