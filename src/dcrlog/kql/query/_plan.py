"""From the syntax tree of a query to what yields its rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind
from dcrlog.kql._lets import enter
from dcrlog.kql._rowwise import matching
from dcrlog.kql._scope import Meaning, Notes, Scope, Table, UserFunction, resembling
from dcrlog.kql._typed import Local, Typed
from dcrlog.kql._types import Type
from dcrlog.kql.errors import SEMANTIC, MistakeError, Span
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._aggregates import AGGREGATES, PICKS
from dcrlog.kql.query._joining import joined
from dcrlog.kql.query._one_table import count, distinct, number_of, ordered, schema, taken
from dcrlog.kql.query._run import Relation, Row, Run
from dcrlog.kql.query._segment import Rows, Segment, no_rows, one_row
from dcrlog.kql.query._summarize import Summary
from dcrlog.kql.query._union import Leg, united

Tables = Mapping[str, Mapping[str, Type]]

_MAX_LETS: Final = 100
_NAMES: Final[dict[type, str]] = {
    tree.Where: "where", tree.Extend: "extend", tree.Project: "project", tree.ProjectAway: "project-away",
    tree.ProjectRename: "project-rename", tree.Parse: "parse", query.ProjectKeep: "project-keep",
    query.ProjectReorder: "project-reorder", query.Sort: "sort", query.Top: "top", query.Take: "take",
    query.Distinct: "distinct", query.Summarize: "summarize", query.Union: "union", query.Join: "join",
}  # fmt: skip


class Planner:
    """Makes relations of pipelines.

    Args:
        tables: The tables that there are, with the types of their columns.

    Attributes:
        values: What computes each table that is read for one value.
        render: How a client may show the rows, where the query says so.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lets: dict[int, tuple[Meaning, Relation]] = {}
        self._nesting = 0
        self.values: list[Callable[[Run], Any]] = []
        self.render: query.Render | None = None

    def scope(self, notes: Notes) -> Scope:
        """Return what names mean at the beginning of a query."""
        return Scope({}, {}, notes, self._special, self._tables)

    def segment(self, pipeline: tree.Pipeline, scope: Scope) -> Segment:
        """Return the rows of a pipeline, to which operators may still be added.

        Raises:
            MistakeError: A name means nothing, or types do not go together.
        """
        self._nesting += 1
        if self._nesting > _MAX_LETS:
            raise MistakeError(f"more than {_MAX_LETS} tables are built on each other", pipeline.at)
        scope.notes.count(pipeline.at)
        segment = self._source(pipeline.source, scope)
        for operator in pipeline.operators:
            scope.notes.count(operator.at)
            with _in_operator(operator):
                segment = self._operator(operator, segment, scope)
        self._nesting -= 1
        return segment

    def relation(self, pipeline: tree.Pipeline, scope: Scope) -> Relation:
        """Return the rows of a pipeline; raises as `segment` does."""
        return self.segment(pipeline, scope).relation()

    def _operator(self, node: tree.Node, segment: Segment, scope: Scope) -> Segment:
        found: Relation
        match node:
            case query.Sort() | query.Top():
                found = ordered(node, segment, scope)
            case query.Take():
                found = taken(segment.relation(), number_of(node.count, scope))
            case query.Count():
                found = count(segment)
            case query.Distinct():
                found = distinct(node, segment, scope)
            case query.Summarize():
                found = Summary(segment, scope).relation(node)
            case query.Union():
                found = self._union(node, [("union_arg0", segment.relation())], scope)
            case query.Join():
                found = joined(node, segment.relation(), self.relation(node.right, scope))
            case query.GetSchema():
                found = schema(segment.relation())
            case query.Render():
                self.render = node
                return segment
            case query.Serialize():
                return segment
            case _:
                segment.operator(node, scope)
                return segment
        return Segment.over(found)

    def _source(self, node: tree.Node, scope: Scope) -> Segment:
        outside = scope.with_columns({})
        match node:
            case tree.Pipeline():
                return self.segment(node, scope)
            case query.Union():
                with _in_operator(node):
                    return Segment.over(self._union(node, [], scope))
            case tree.Print() | tree.Datatable():
                return _written(node, outside)
        assert isinstance(node, tree.Source)
        found = scope.lets.get(node.name)
        if isinstance(found, Table) and node.arguments is None:
            return Segment.over(self._let(found))
        if isinstance(found, UserFunction) and (
            node.arguments is not None or not found.definition.parameters
        ):
            return self._called(node, found, outside)
        if found is None and node.arguments is None and node.name in self._tables:
            return Segment.over(Relation(self._tables[node.name], no_rows, 0, node.name))
        raise self._unresolved(node.name, node.at, scope)

    def _unresolved(self, name: str, at: Span, scope: Scope) -> MistakeError:
        known = [*self._tables, *(each for each, what in scope.lets.items() if isinstance(what, Table))]
        return MistakeError(
            f"Failed to resolve table or column expression named '{name}'", at, hint=resembling(name, known)
        )

    def _let(self, table: Table) -> Relation:
        known = self._lets.get(id(table))
        if known is None:
            # With the table, whose id is the key: another must not get it.
            made = self.relation(table.pipeline, table.scope)
            known = self._lets[id(table)] = (table, replace(made, rows=_looking(made.rows)))
        return known[1]

    def _called(self, node: tree.Source, found: UserFunction, outside: Scope) -> Segment:
        body = found.definition.body
        if isinstance(body, tree.Name):
            body = tree.Pipeline(tree.Source(body.name, None, at=body.at), (), at=body.at)
        if not isinstance(body, tree.Pipeline):
            raise MistakeError(f"'{node.name}' gives a value, and no table.", node.at)
        given = [(bind(each, outside), each.at) for each in node.arguments or ()]
        return self.segment(body, enter(node.name, found, given, node.at, bind))

    def _special(self, node: tree.Node, scope: Scope) -> Typed | None:
        match node:
            case tree.Pipeline():
                return self._value(node, scope, Type.DYNAMIC)
            case tree.Call(name="toscalar", arguments=(tree.Pipeline() as inner,)):
                return self._value(inner, scope, None)
            case tree.Call(name=name) if name not in scope.lets and (name in AGGREGATES or name in PICKS):
                raise MistakeError(f"the aggregation {name}() must stand in summarize.", node.at)
        return None

    def _value(self, pipeline: tree.Pipeline, scope: Scope, of: Type | None) -> Local:
        """Return what stands for the first column of a table: of its first row, or of all for `in`."""
        relation = self.relation(pipeline, scope.with_columns({}))
        if not relation.columns:
            raise MistakeError("the table has no column.", pipeline.at)
        first = next(iter(relation.columns.values()))
        null = "" if first is Type.STRING else None
        if of is None:
            self.values.append(lambda run: next((row[0] for row in relation.rows(run)), null))
        elif first is Type.DYNAMIC:
            self.values.append(lambda run: [row[0] for row in run.held(relation.rows(run))])
        else:
            self.values.append(lambda run: frozenset(row[0] for row in run.held(relation.rows(run))))
        return Local(of or first, null is None, f"values[{len(self.values) - 1}]")

    def _union(self, node: query.Union, legs: list[Leg], scope: Scope) -> Relation:
        for each in node.operands:
            names = [each] if isinstance(each, tree.Pipeline) else self._matching(each, scope)
            for operand in names:
                if isinstance(operand.source, tree.Source) and not operand.operators:
                    label = operand.source.name
                    if node.is_fuzzy and label not in self._tables and label not in scope.lets:
                        continue
                else:
                    label = f"union_arg{len(legs)}"
                legs.append((label, self.relation(operand, scope)))
        if not legs:
            raise MistakeError("none of the tables exists.", node.at)
        return united(legs, node.kind, node.source, node.at)

    def _matching(self, node: tree.Wildcard, scope: Scope) -> list[tree.Pipeline]:
        found = matching(node, self._tables)
        if not found:
            raise self._unresolved(node.pattern, node.at, scope)
        return [tree.Pipeline(tree.Source(name, None, at=node.at), (), at=node.at) for name in found]


def _looking(rows: Rows) -> Rows:
    # Tables that are built on each other may be read a great many times, and have no row to stop at.
    def looked(run: Run) -> Iterator[Row]:
        run.check()
        return rows(run)

    return looked


@contextmanager
def _in_operator(node: tree.Node) -> Iterator[None]:
    try:
        yield
    except MistakeError as mistake:
        if mistake.kind == SEMANTIC and not mistake.operator:
            mistake.operator = _NAMES.get(type(node), "")
        raise


def _written(node: tree.Print | tree.Datatable, scope: Scope) -> Segment:
    segment = Segment.over(Relation({}, one_row))
    if isinstance(node, tree.Print):
        segment.columns = segment.writer.print(node, scope)
    else:
        segment.columns = segment.writer.datatable(node, scope)
    return segment
