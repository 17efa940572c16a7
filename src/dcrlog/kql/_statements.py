"""Statements: let, and the pipeline behind it."""

from dcrlog.kql import _tree as tree
from dcrlog.kql._lexer import tokenize
from dcrlog.kql._tabular import TabularParser
from dcrlog.kql.errors import syntax_error


def parse(text: str) -> tree.Script:
    """Return the tree of a transformation.

    Raises:
        MistakeError: The text is not of the language; it names the place and what was expected there.
    """
    return StatementParser(tokenize(text)).script()


class StatementParser(TabularParser):
    """Reads a whole text."""

    def script(self) -> tree.Script:
        """Read let statements and the pipeline behind them."""
        lets: list[tree.Let] = []
        while self._is_let():
            lets.append(self._let())
            self._expect(";")
        query = self._pipeline()
        while self._accept(";"):
            pass
        if self._token.kind != "end":
            # The words of the service's own parser.
            raise syntax_error(f"extraneous input '{self._token.value[:40]}' expecting <EOF>", self._token.at)
        return tree.Script(tuple(lets), query)

    def _is_let(self) -> bool:
        return self._token.value == "let" and self._token.kind == "name" and self._peek().value != "|"

    def _let(self) -> tree.Let:
        start = self._next().at[0]
        name = self._name()
        self._expect("=")
        if self._token.value == "view":
            self._next()
        value = self._lambda() if self._is_lambda() else self._scalar_or_pipeline()
        return self._make(tree.Let, start, name, value)

    def _is_lambda(self) -> bool:
        # () or (name: or (['name']:
        ahead = [self._peek(number) for number in range(1, 5)]
        return self._is("(") and (
            (ahead[0].value == ")" and ahead[0].kind == "symbol")
            or (ahead[0].kind == "name" and ahead[1].value == ":")
            or (ahead[0].value == "[" and ahead[1].kind == "string" and ahead[3].value == ":")
        )

    def _lambda(self) -> tree.Lambda:
        start = self._expect("(").at[0]
        parameters = self._list(self._parameter, ")")
        self._expect("{")
        lets: list[tree.Let] = []
        while self._is_let():
            lets.append(self._let())
            self._expect(";")
        body = self._scalar_or_pipeline()
        self._accept(";")
        self._expect("}")
        return self._make(tree.Lambda, start, parameters, tuple(lets), body)

    def _parameter(self) -> tree.Parameter:
        start = self._token.at[0]
        name = self._name()
        self._expect(":")
        if self._is("("):
            raise syntax_error("only functions with scalar arguments are supported", self._token.at)
        kind = self._type()
        default = self.expression() if self._accept("=") else None
        return self._make(tree.Parameter, start, name, kind, default)

    def _scalar_or_pipeline(self) -> tree.Node:
        # Only what follows tells `let x = y` from `let x = y | where z`.
        if self._starts_table():
            return self._pipeline()
        before = self._position
        value = self.expression()
        if not self._is("|"):
            return value
        self._position = before
        return self._pipeline()

    def _starts_table(self) -> bool:
        return self._is_print() or (self._token.value == "datatable" and self._peek().value == "(")

    def _is_print(self) -> bool:
        following = self._peek()
        is_alone = following.kind == "end" or (following.kind == "symbol" and following.value in {"|", ";"})
        return self._token.kind == "name" and self._token.value == "print" and not is_alone

    def _pipeline(self) -> tree.Pipeline:
        start = self._token.at[0]
        source = self._source()
        operators: list[tree.Node] = []
        while self._accept("|"):
            operators.append(self._tabular_operator())
        # A pipeline is long, and not deep.
        return tree.Pipeline(source, tuple(operators), at=(start, self._tokens[self._position - 1].at[1]))

    def _source(self) -> tree.Node:
        token = self._token
        start = token.at[0]
        if self._is_print():
            self._next()
            return self._make(tree.Print, start, self._items())
        if token.kind == "name" and token.value == "datatable":
            self._next()
            return self._datatable(start)
        if token.kind != "name" and not self._is("["):
            raise self._unexpected("'source', 'print', 'datatable' or the name of a table")
        name = self._name()
        arguments = None
        if self._accept("("):
            arguments = self._list(self.expression, ")")
        return self._make(tree.Source, start, name, arguments)

    def _datatable(self, start: int) -> tree.Datatable:
        self._expect("(")
        columns = self._list(self._typed_column, ")")
        self._expect("[")
        values: list[tree.Node] = []
        while not self._is("]"):
            values.append(self.expression())
            if not self._accept(","):
                break
        self._expect("]")
        return self._make(tree.Datatable, start, columns, tuple(values))

    def _typed_column(self) -> tree.Capture:
        start = self._token.at[0]
        name = self._name()
        self._expect(":")
        kind = self._type()
        return self._make(tree.Capture, start, name, kind)
