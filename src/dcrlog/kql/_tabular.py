"""Tabular operators."""

from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._lexer import Token
from dcrlog.kql._parser import ExpressionParser
from dcrlog.kql._types import Type
from dcrlog.kql.errors import syntax_error

OPERATORS: Final = ("extend", "project", "project-away", "project-rename", "where", "parse")
_ALIASES: Final = {"filter": "where"}
_KINDS: Final = frozenset({"simple", "regex", "relaxed"})


class TabularParser(ExpressionParser):
    """Reads what stands behind a pipe."""

    operators: tuple[str, ...] = OPERATORS
    purpose = "transformations"

    def _tabular_operator(self) -> tree.Node:
        token = self._token
        start, word = token.at[0], _ALIASES.get(token.value, token.value)
        if token.kind != "name" or word not in OPERATORS:
            raise self._no_operator(token)
        self._next()
        match word:
            case "where":
                return self._make(tree.Where, start, self.expression())
            case "extend":
                return self._make(tree.Extend, start, self._items())
            case "project":
                return self._make(tree.Project, start, self._items())
            case "project-rename":
                return self._make(tree.ProjectRename, start, self._items())
            case "project-away":
                return self._project_away(start)
        return self._parse_operator(start)

    def _no_operator(self, token: Token) -> Exception:
        if token.kind != "name":
            return self._unexpected("a tabular operator")
        known = ", ".join(self.operators)
        return syntax_error(
            f"the operator '{token.value}' is not supported in {self.purpose}; expecting one of {known}",
            token.at,
        )

    def _items(self) -> tuple[tree.Item, ...]:
        items = [self._item()]
        while self._is(","):
            comma = self._next()
            if self._token.kind == "end":
                # The words of the service's own parser.
                raise syntax_error("extraneous input ',' expecting <EOF>", comma.at)
            items.append(self._item())
        return tuple(items)

    def _item(self) -> tree.Item:
        start = self._token.at[0]
        name = None
        if self._token.kind == "name" and self._peek().value == "=" and self._peek().kind == "symbol":
            name = self._next().value
            self._expect("=")
        elif self._is("[") and self._peek(1).kind == "string" and self._peek(3).value == "=":
            name = self._bracketed_name()
            self._expect("=")
        return self._make(tree.Item, start, name, self.expression())

    def _project_away(self, start: int) -> tree.ProjectAway:
        names = [self._name_or_wildcard()]
        while self._accept(","):
            names.append(self._name_or_wildcard())
        return self._make(tree.ProjectAway, start, tuple(names))

    def _name_or_wildcard(self) -> tree.Name | tree.Wildcard:
        """Read a name that may have stars in it: the lexer has taken it apart."""
        start = self._token.at[0]
        if self._is("["):
            return self._make(tree.Name, start, self._bracketed_name())
        text, end = "", start
        while (self._token.kind in {"name", "long"} or self._is("*")) and self._token.at[0] == end:
            end = self._token.at[1]
            text += self._next().value
        if not text:
            raise self._unexpected("the name of a column")
        if "*" in text:
            return self._make(tree.Wildcard, start, text)
        return self._make(tree.Name, start, text)

    def _parse_operator(self, start: int) -> tree.Parse:
        kind, flags = "simple", ""
        if self._token.value == "kind" and self._peek().value == "=":
            self._position += 2
            kind = self._next().value
            if kind not in _KINDS:
                raise syntax_error(f"parse has no kind '{kind}'", self._tokens[self._position - 1].at)
            if self._token.value == "flags" and self._peek().value == "=":
                self._position += 2
                flags = self._next().value
        value = self.expression()
        if self._token.value != "with":
            raise self._unexpected("'with'")
        self._next()
        parts: list[tree.Node] = []
        while (part := self._part()) is not None:
            parts.append(part)
        if not parts:
            raise self._unexpected("a string, a column or '*'")
        return self._make(tree.Parse, start, kind, flags, value, tuple(parts))

    def _part(self) -> tree.Node | None:
        start = self._token.at[0]
        if self._token.kind == "string":
            return self._make(tree.Literal, start, Type.STRING, self._strings())
        if self._accept("*"):
            return self._make(tree.Skip, start)
        if self._token.kind == "name" or self._is("["):
            name = self._name()
            kind = self._type() if self._accept(":") else Type.STRING
            return self._make(tree.Capture, start, name, kind)
        return None

    def _name(self) -> str:
        if self._is("["):
            return self._bracketed_name()
        if self._token.kind != "name":
            raise self._unexpected("a name")
        return self._next().value
