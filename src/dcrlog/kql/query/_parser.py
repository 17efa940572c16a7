"""Text to the syntax tree of a query."""

from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._lexer import tokenize
from dcrlog.kql._tabular import OPERATORS
from dcrlog.kql.errors import syntax_error
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._parse_operators import OperatorParser

JOINS: Final = (
    "innerunique", "inner", "leftouter", "rightouter", "fullouter", "leftanti", "anti", "leftantisemi",
    "rightanti", "rightantisemi", "leftsemi", "rightsemi",
)  # fmt: skip
LOOKUPS: Final = ("leftouter", "inner")
_ALIASES: Final = {"order": "sort", "limit": "take"}
_UNIONS: Final = ("inner", "outer")
_MISSING: Final = (
    "search",
    "find",
    "range",
    "evaluate",
    "externaldata",
    "workspace",
    "app",
    "cluster",
    "database",
)
"""Words with which queries begin in Azure, and not here."""
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


def parse(text: str) -> tree.Script:
    """Return the tree of a query.

    Raises:
        MistakeError: The text is not of the language; it names the place and what was expected there.
    """
    return QueryParser(tokenize(text)).script()


class QueryParser(OperatorParser):
    """Reads what a query may have and a transformation may not, too."""

    operators = (
        *OPERATORS, "project-keep", "project-reorder", "sort", "order", "top", "take", "limit", "count",
        "distinct", "summarize", "union", "join", "lookup", "getschema", "serialize", "render",
    )  # fmt: skip
    purpose = "queries here"

    def _tabular_operator(self) -> tree.Node:
        token = self._token
        start, word = token.at[0], _ALIASES.get(token.value, token.value)
        readers = {
            "sort": self._sort,
            "top": self._top,
            "take": lambda at: self._make(query.Take, at, self.expression()),
            "count": lambda at: self._make(query.Count, at),
            "distinct": self._distinct,
            "summarize": self._summarize,
            "union": self._union,
            "join": self._join,
            "lookup": self._join,
            "getschema": lambda at: self._make(query.GetSchema, at),
            "serialize": lambda at: self._make(query.Serialize, at),
            "project-keep": self._project_keep,
            "project-reorder": self._project_reorder,
            "render": self._render,
        }
        if token.kind != "name" or word not in readers:
            return super()._tabular_operator()
        self._next()
        return readers[word](start)

    def _union(self, start: int) -> query.Union:
        kind, source, is_fuzzy = "outer", None, False
        while True:
            self._skip_hints()
            if (found := self._parameter_of("kind", _UNIONS)) is not None:
                kind = found
            elif (found := self._parameter_of("withsource", ())) is not None:
                source = found
            elif (found := self._parameter_of("isfuzzy", ("true", "false"))) is not None:
                is_fuzzy = found == "true"
            else:
                break
        operands = [self._operand()]
        while self._accept(","):
            operands.append(self._operand())
        return self._make(query.Union, start, kind, source, is_fuzzy, tuple(operands))

    def _operand(self) -> tree.Pipeline | tree.Wildcard:
        """Read a table, a pipeline in parentheses, or a pattern of names."""
        start = self._token.at[0]
        ahead = self._peek()
        if self._token.kind == "name" and ahead.value == "*" and ahead.at[0] == self._token.at[1]:
            found = self._name_or_wildcard()
            assert isinstance(found, tree.Wildcard)
            return found
        if self._is("*"):
            self._next()
            return self._make(tree.Wildcard, start, "*")
        source = self._source()
        return tree.Pipeline(source, (), at=source.at)

    def _join(self, start: int) -> tree.Node:
        is_lookup = self._tokens[self._position - 1].value == "lookup"
        self._skip_hints()
        known = LOOKUPS if is_lookup else JOINS
        kind = self._parameter_of("kind", known) or ("leftouter" if is_lookup else "innerunique")
        self._skip_hints()
        right = self._operand()
        if isinstance(right, tree.Wildcard):
            raise syntax_error(f"'{right.pattern[:40]}' is a pattern, and join takes one table", right.at)
        self._expect_name("on")
        conditions = [self.expression()]
        while self._accept(","):
            conditions.append(self.expression())
        return self._make(query.Join, start, kind, right, tuple(conditions), is_lookup)

    def _source(self) -> tree.Node:
        start = self._token.at[0]
        if self._is_union():
            self._next()
            return self._union(start)
        if self._is_name("materialize") and self._peek().value == "(":
            self._next()
        elif not self._is("("):
            self._refuse_missing()
            return super()._source()
        self._expect("(")
        inner = self._deeper()
        self._expect(")")
        return inner

    def _refuse_missing(self) -> None:
        following = self._peek()
        is_table = following.kind == "end" or (
            following.kind == "symbol" and following.value in {"|", ";", ",", ")"}
        )
        if self._is_name(*_MISSING) and not is_table:
            raise syntax_error(f"'{self._token.value}' is not supported in queries here", self._token.at)

    def _deeper(self) -> tree.Pipeline:
        found = self._nested(self._pipeline)
        assert isinstance(found, tree.Pipeline)
        return found

    def _is_union(self) -> bool:
        following = self._peek()
        return self._is_name("union") and (
            following.kind == "name" or (following.kind == "symbol" and following.value in {"(", "[", "*"})
        )

    def _starts_table(self) -> bool:
        before = self._position
        while self._is("("):
            self._next()
        is_inside = self._position > before
        is_table = (
            super()._starts_table()
            or self._is_union()
            or (self._is_name("materialize") and self._peek().value == "(")
            or (is_inside and self._is_piped(self._position))
        )
        self._position = before
        return is_table

    def _is_piped(self, place: int) -> bool:
        """Tell whether a pipe comes before what is there ends: an expression has none.

        Reading it as the one and then as the other would take twice as long at each level.
        """
        depth = 0
        for token in self._tokens[place:]:
            if token.kind != "symbol":
                continue
            if depth == 0 and token.value in {"|", ",", ";"}:
                return token.value == "|"
            depth += (token.value in _OPENING) - (token.value in _CLOSING)
            if depth < 0:
                break
        return False

    def _option(self) -> tree.Node:
        if self._starts_table() or self._is_piped(self._position):
            return self._deeper()
        return self.expression()

    def _call(self, name: str, start: int) -> tree.Node:
        if name != "toscalar":
            return super()._call(name, start)
        self._expect("(")
        inner = self._deeper()
        self._expect(")")
        return self._make(tree.Call, start, name, (inner,))
