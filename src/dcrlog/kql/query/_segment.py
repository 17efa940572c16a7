"""A loop over rows, generated from operators that make each row of one row."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._emit import Emitter, load
from dcrlog.kql._reading import emit_coercing
from dcrlog.kql._rowwise import Columns, RowWriter, matching
from dcrlog.kql._scope import Scope, undefined_symbol
from dcrlog.kql._typed import Local, Typed
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._run import Relation, Row, Run

MAX_DEPTH: Final = 150
"""Loops in each other: each takes a part of Python's stack."""
MAX_COLUMNS: Final = 10_000
"""Columns that rows may have: tables that are joined with themselves multiply theirs."""

Rows = Callable[[Run], Iterator[Row]]


class QueryRowWriter(RowWriter):
    """Writes operators that transformations do not have, too."""

    def operator(self, node: tree.Node, columns: Columns, scope: Scope) -> Columns:
        """Write the lines of an operator, and return the columns that come out.

        Raises:
            MistakeError: A name means nothing, or types do not go together.
        """
        if isinstance(node, query.ProjectKeep):
            kept = {name for each in node.names for name in _named(each, columns)}
            return {name: value for name, value in columns.items() if name in kept}
        if isinstance(node, query.ProjectReorder):
            return _reordered(node, columns)
        return super().operator(node, columns, scope)


def _named(node: tree.Name | tree.Wildcard, columns: Columns) -> list[str]:
    if isinstance(node, tree.Wildcard):
        return matching(node, columns)
    if node.name not in columns:
        raise undefined_symbol(node.name, list(columns), node.at)
    return [node.name]


def _reordered(node: query.ProjectReorder, columns: Columns) -> Columns:
    placed: dict[str, None] = {}
    for each in node.columns:
        names = _named(each.name, columns)
        if each.order:
            names.sort(reverse=each.order == "desc")
        placed.update(dict.fromkeys(names))
    return {name: columns[name] for name in (*placed, *columns)}


class Segment:
    """Operators on the rows of a relation.

    Attributes:
        emitter: Takes the lines.
        columns: The columns as the last operator has left them.
        writer: Writes the lines.
    """

    def __init__(self) -> None:
        self.emitter = Emitter()
        self.emitter.indent = 2
        self.columns: Columns = {}
        self.writer = QueryRowWriter(self.emitter)
        self._inputs: dict[str, Local] = {}
        self._source: Relation | None = None

    @classmethod
    def over(cls, relation: Relation) -> "Segment":
        """Return one that does nothing yet.

        Raises:
            MistakeError: The rows have too many columns.
        """
        if len(relation.columns) > MAX_COLUMNS:
            raise MistakeError(f"more than {MAX_COLUMNS} columns", (0, 0))
        made = cls()
        made._source = relation
        for name, of in relation.columns.items():
            made.columns[name] = made.input(of, name)
        return made

    def input(self, of: Type, name: str = "") -> Local:
        """Return the variable of the next value of a row."""
        made = Local(of, of is not Type.STRING, self.emitter.fresh("v"))
        self._inputs[name or made.identifier] = made
        return made

    def operator(self, node: tree.Node, scope: Scope) -> None:
        """Add an operator."""
        self.columns = self.writer.operator(node, self.columns, scope.with_columns(self.columns))

    def relation(self) -> Relation:
        """Return the rows as the last operator has left them."""
        source = self._source
        assert source is not None
        is_same = list(self.columns.items()) == list(self._inputs.items()) and not self.emitter.lines
        if is_same and source.table is None:
            return source
        return self.made_of(list(self.columns.values()), {n: v.type for n, v in self.columns.items()})

    def made_of(self, values: Sequence[Typed], columns: dict[str, Type]) -> Relation:
        """Return rows of values, which are those of the columns and may be more."""
        assert self._source is not None
        return Relation(columns, self.rows([self.emitter.value(each) for each in values]), self.depth)

    @property
    def depth(self) -> int:
        """How many loops are in each other, with this one.

        Raises:
            MistakeError: There are too many.
        """
        depth = (self._source.depth if self._source else 0) + 1
        if depth > MAX_DEPTH:
            raise MistakeError(f"more than {MAX_DEPTH} operators that need each other's rows", (0, 0))
        return depth

    def rows(self, cells: Sequence[str], source: Relation | None = None) -> Rows:
        """Return what yields rows of cells, which are code."""
        source = source or self._source
        assert source is not None
        self.emitter.line(f"yield ({''.join(f'{cell}, ' for cell in cells)})")
        inputs = self._inputs
        reading: list[str] = []
        if source.table is not None:
            inputs = {name: each for name, each in inputs.items() if each.identifier in self.emitter.used}
            reading = [emit_coercing(self.emitter, each) for each in inputs.values()]
        targets = "".join(f"{each.identifier}, " for each in inputs.values()) or "_"
        lines = [
            (0, "def segment(rows, now, values):"),
            (1, f"for {targets} in rows:"),
            *((2, line) for line in reading),
            *self.emitter.lines,
        ]
        code = "\n".join(f"{' ' * indent}{line}" for indent, line in lines) + "\n"
        loop = load(code, self.emitter.constants, "segment")
        return _read_loop(loop, source.table, list(inputs)) if source.table else _loop(loop, source.rows)


def _loop(loop: Callable[..., Iterator[Row]], source: Rows) -> Rows:
    return lambda run: loop(source(run), run.now, run.values)


def _read_loop(loop: Callable[..., Iterator[Row]], table: str, names: list[str]) -> Rows:
    def rows(run: Run) -> Iterator[Row]:
        return loop(run.checked(run.read(table, names)), run.now, run.values)

    return rows


def no_rows(_: Run) -> Iterator[Row]:
    """Yield nothing."""
    return iter(())


def one_row(_: Run) -> Iterator[Row]:
    """Yield a row without columns."""
    return iter([()])
