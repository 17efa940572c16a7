"""The operators of one table: text to tree."""

from dcrlog.kql import _tree as tree
from dcrlog.kql._statements import StatementParser
from dcrlog.kql.errors import syntax_error
from dcrlog.kql.query import _tree as query


class OperatorParser(StatementParser):
    """Reads the operators of a query that have one table, and the words between their parts."""

    def _is_name(self, *words: str) -> bool:
        return self._token.kind == "name" and self._token.value in words

    def _accept_name(self, *words: str) -> str:
        return self._next().value if self._is_name(*words) else ""

    def _expect_name(self, *words: str) -> str:
        if not self._is_name(*words):
            raise self._unexpected(" or ".join(f"'{word}'" for word in words))
        return self._next().value

    def _parameter_of(self, name: str, known: tuple[str, ...]) -> str | None:
        """Read name=value where it comes next."""
        if not (self._is_name(name) and self._peek().value == "=" and self._peek().kind == "symbol"):
            return None
        self._position += 2
        if not known:
            return self._next().value if self._token.kind == "string" else self._name()
        value = self._next()
        if value.value not in known:
            raise syntax_error(
                f"'{value.value[:40]}' is not supported for {name}; expecting one of {', '.join(known)}",
                value.at,
            )
        return value.value

    def _skip_hints(self) -> None:
        while self._is_name("hint") and self._peek().value == ".":
            self._position += 2
            self._name()
            self._expect("=")
            self._next()

    def _keys(self) -> tuple[query.Key, ...]:
        self._expect_name("by")
        keys = [self._key()]
        while self._accept(","):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> query.Key:
        start = self._token.at[0]
        value = self.expression()
        descends = self._accept_name("asc", "desc") != "asc"
        nulls_first = not descends
        if self._accept_name("nulls"):
            nulls_first = self._expect_name("first", "last") == "first"
        return self._make(query.Key, start, value, descends, nulls_first)

    def _sort(self, start: int) -> tree.Node:
        return self._make(query.Sort, start, self._keys())

    def _top(self, start: int) -> tree.Node:
        count = self.expression()
        return self._make(query.Top, start, count, self._keys())

    def _distinct(self, start: int) -> tree.Node:
        if self._accept("*"):
            return self._make(query.Distinct, start, ())
        return self._make(query.Distinct, start, self._items())

    def _summarize(self, start: int) -> tree.Node:
        self._skip_hints()
        items = () if self._is_name("by") else self._items()
        by = self._items() if self._accept_name("by") else ()
        return self._make(query.Summarize, start, items, by)

    def _project_keep(self, start: int) -> tree.Node:
        return self._make(query.ProjectKeep, start, self._project_away(start).names)

    def _project_reorder(self, start: int) -> tree.Node:
        columns = [self._placed()]
        while self._accept(","):
            columns.append(self._placed())
        return self._make(query.ProjectReorder, start, tuple(columns))

    def _placed(self) -> query.Placed:
        start = self._token.at[0]
        name = self._name_or_wildcard()
        return self._make(query.Placed, start, name, self._accept_name("asc", "desc"))

    def _render(self, start: int) -> tree.Node:
        shape = self._name()
        properties: list[tuple[str, str]] = []
        if self._accept_name("with"):
            self._expect("(")
            while not self._is(")"):
                name = self._name()
                self._expect("=")
                properties.append((name, self._next().value))
                if not self._accept(","):
                    break
            self._expect(")")
        return self._make(query.Render, start, shape, tuple(properties))
