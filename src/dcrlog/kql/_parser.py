"""Recursive descent over expressions. The statements are in `_statements`."""

from collections.abc import Callable
from typing import Any, Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._lexer import Token
from dcrlog.kql._ticks import parse_amount
from dcrlog.kql._tokens import MAX_DEPTH, TokenReader
from dcrlog.kql._typed_literals import LONG_RANGE, parse_integer, typed_literal
from dcrlog.kql._types import Type, parse_type
from dcrlog.kql.errors import syntax_error

_OR, _AND, _COMPARISON, _SUM, _PRODUCT = range(1, 6)
_AMONG: Final = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})
_RANGES: Final = frozenset({"between", "!between"})
_POWERS: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<>", "=~", "!~", "<", ">", "<=", ">=", *_AMONG, *_RANGES), _COMPARISON),
    **{
        f"{negation}{word}{suffix}": _COMPARISON
        for word in ("has", "contains", "startswith", "endswith", "hasprefix", "hassuffix")
        for negation in ("", "!")
        for suffix in ("", "_cs")
    },
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
}


class ExpressionParser(TokenReader):
    """Reads expressions from tokens."""

    def expression(self) -> tree.Node:
        """Read one expression."""
        return self._nested(lambda: self._climb(_OR))

    def _nested(self, read: Callable[[], tree.Node]) -> tree.Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise syntax_error(f"the expression is nested more than {MAX_DEPTH} deep", self._token.at)
        node = read()
        self._depth -= 1
        return node

    def _climb(self, least: int) -> tree.Node:
        """Read operands and operators that bind at least so tightly."""
        start = self._token.at[0]
        left = self._signed()
        while (power := self._power()) >= least:
            operator = self._operator()
            if power in {_OR, _AND}:
                operands = [left, self._climb(power + 1)]
                while self._power() == power:
                    self._next()
                    operands.append(self._climb(power + 1))
                left = self._make(tree.Logic, start, operator, tuple(operands))
            elif operator in _AMONG:
                self._expect("(")
                left = self._make(tree.Among, start, operator, left, self._list(self._option, ")"))
            elif operator in _RANGES:
                self._expect("(")
                low = self.expression()
                self._expect("..")
                high = self.expression()
                self._expect(")")
                left = self._make(tree.Between, start, operator, left, low, high)
            else:
                left = self._make(tree.Binary, start, operator, left, self._climb(power + 1))
        return left

    def _option(self) -> tree.Node:
        return self.expression()

    def _power(self) -> int:
        """Return how tightly the operator binds that comes next; 0 where none does."""
        token = self._token
        if token.kind not in {"name", "symbol"}:
            return 0
        if token.value == "matches":
            return _COMPARISON if self._peek().value == "regex" else 0
        return _POWERS.get(token.value, 0)

    def _operator(self) -> str:
        operator = self._next().value
        if operator == "matches":
            self._next()
            return "matches regex"
        return "!=" if operator == "<>" else operator

    def _signed(self) -> tree.Node:
        token = self._token
        if not self._is("-", "+"):
            return self._postfix()
        self._next()
        if (least := self._least_long(token.value)) is not None:
            return self._make(tree.Literal, token.at[0], Type.LONG, least)
        operand = self._nested(self._signed)
        return self._make(tree.Sign, token.at[0], token.value, operand)

    def _least_long(self, sign: str) -> int | None:
        """Read the number that has no positive counterpart, where it comes next."""
        value = parse_integer(sign + self._token.value, LONG_RANGE) if self._token.kind == "long" else None
        if value != LONG_RANGE[0]:
            return None
        self._next()
        return value

    def _postfix(self) -> tree.Node:
        start = self._token.at[0]
        node = self._primary()
        while True:
            if self._accept("."):
                if self._is("["):
                    node = self._make(tree.Member, start, node, self._bracketed_name())
                elif self._token.kind == "name":
                    node = self._make(tree.Member, start, node, self._next().value)
                else:
                    raise self._unexpected("the name of a property")
            elif self._accept("["):
                if self._token.kind == "string":
                    key = self._strings()
                    self._expect("]")
                    node = self._make(tree.Member, start, node, key)
                else:
                    index = self.expression()
                    self._expect("]")
                    node = self._make(tree.Index, start, node, index)
            else:
                return node

    def _primary(self) -> tree.Node:
        token = self._token
        start = token.at[0]
        match token.kind:
            case "name":
                return self._named(token)
            case "string":
                text = self._strings()
                return self._make(tree.Literal, start, Type.STRING, text)
            case "long" | "real" | "timespan" | "typed":
                self._next()
                return self._make(tree.Literal, start, *_literal(token))
        if self._is("["):
            name = self._bracketed_name()
            if self._is("("):
                return self._call(name, start)
            return self._make(tree.Name, start, name)
        if self._accept("("):
            inner = self.expression()
            self._expect(")")
            return inner
        raise self._unexpected("an expression")

    def _named(self, token: Token) -> tree.Node:
        self._next()
        start, name = token.at[0], token.value
        if self._is("("):
            return self._type_of(start) if name == "typeof" else self._call(name, start)
        if name.lower() in {"true", "false"}:
            return self._make(tree.Literal, start, Type.BOOL, name.lower() == "true")
        return self._make(tree.Name, start, name)

    def _call(self, name: str, start: int) -> tree.Node:
        self._expect("(")
        return self._make(tree.Call, start, name, self._list(self._argument, ")"))

    def _argument(self) -> tree.Node:
        if self._is("*") and self._peek().value == ")":
            return self._make(tree.Star, self._next().at[0])
        return self.expression()

    def _type_of(self, start: int) -> tree.Node:
        self._expect("(")
        found = self._type()
        self._expect(")")
        return self._make(tree.TypeOf, start, found)

    def _type(self) -> Type:
        token = self._token
        found = parse_type(token.value) if token.kind == "name" else None
        if found is None:
            raise self._unexpected("a type")
        self._next()
        return found

    def _strings(self) -> str:
        """Read adjacent string literals, which are one."""
        text = self._next().value
        while self._token.kind == "string":
            text += self._next().value
        return text

    def _bracketed_name(self) -> str:
        self._expect("[")
        if self._token.kind != "string":
            raise self._unexpected("a quoted name")
        name = self._strings()
        self._expect("]")
        return name


def _literal(token: Token) -> tuple[Type, Any]:
    if token.kind == "typed":
        return typed_literal(token)
    if token.kind == "real":
        return Type.REAL, float(token.value)
    kind = Type.LONG if token.kind == "long" else Type.TIMESPAN
    value = parse_integer(token.value, LONG_RANGE) if kind is Type.LONG else parse_amount(token.value)
    if value is None:
        raise syntax_error(f"the number {token.value[:40]} does not fit a {kind}", token.at)
    return kind, value
