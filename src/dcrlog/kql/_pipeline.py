"""A pipeline: a source, and what the operators make of its columns."""

from collections.abc import Mapping
from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind
from dcrlog.kql._emit import Emitter
from dcrlog.kql._lets import enter
from dcrlog.kql._rowwise import Columns, RowWriter
from dcrlog.kql._scope import Scope, Table, UserFunction, undefined_symbol
from dcrlog.kql._typed import Typed
from dcrlog.kql.errors import MistakeError

_MAX_LETS: Final = 100


class PipelineWriter:
    """Writes a pipeline.

    Args:
        source: The columns of the stream.
        emitter: Takes the lines.
    """

    def __init__(self, source: Mapping[str, Typed], emitter: Emitter) -> None:
        self._source_columns = source
        self._rows = RowWriter(emitter)
        self._depth = 0

    def write(self, pipeline: tree.Pipeline, scope: Scope) -> Columns:
        """Write the lines, and return the columns that come out.

        Raises:
            MistakeError: A name means nothing, or types do not go together.
        """
        self._depth += 1
        if self._depth > _MAX_LETS:
            raise MistakeError(f"more than {_MAX_LETS} tables are built on each other", pipeline.at)
        columns = self._source(pipeline.source, scope)
        for operator in pipeline.operators:
            columns = self._rows.operator(operator, columns, scope.with_columns(columns))
        self._depth -= 1
        return columns

    def _source(self, node: tree.Node, scope: Scope) -> Columns:
        if isinstance(node, tree.Print):
            return self._rows.print(node, scope.with_columns({}))
        if isinstance(node, tree.Datatable):
            return self._rows.datatable(node, scope.with_columns({}))
        assert isinstance(node, tree.Source)
        found = scope.lets.get(node.name)
        if isinstance(found, Table) and node.arguments is None:
            return self.write(found.pipeline, found.scope)
        if isinstance(found, UserFunction) and node.arguments is not None:
            return self._call(node, found, scope)
        if node.name == "source" and found is None and node.arguments is None:
            return dict(self._source_columns)
        if found is not None:
            raise MistakeError(f"'{node.name}' is no table.", node.at)
        known = ["source", *(name for name, each in scope.lets.items() if isinstance(each, Table))]
        raise undefined_symbol(node.name, known, node.at)

    def _call(self, node: tree.Source, found: UserFunction, scope: Scope) -> Columns:
        body = found.definition.body
        if isinstance(body, tree.Name) and body.name == "source":
            body = tree.Pipeline(tree.Source("source", None, at=body.at), (), at=body.at)
        if not isinstance(body, tree.Pipeline):
            raise MistakeError(f"'{node.name}' gives a value, and no table.", node.at)
        outside = scope.with_columns({})
        given = [(bind(each, outside), each.at) for each in node.arguments or ()]
        return self.write(body, enter(node.name, found, given, node.at, bind))
