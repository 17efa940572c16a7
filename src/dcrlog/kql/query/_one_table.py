"""Operators that need the rows of one table together."""

from itertools import islice
from typing import Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._bind import bind
from dcrlog.kql._names import column_name
from dcrlog.kql._rowwise import refuse_double
from dcrlog.kql._scope import Scope
from dcrlog.kql._typed import Const
from dcrlog.kql._types import INTEGERS, Type, kql_name
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.query import _tree as query
from dcrlog.kql.query._grouping import counted, distinct_rows
from dcrlog.kql.query._run import Relation, Row
from dcrlog.kql.query._segment import Segment
from dcrlog.kql.query._sorting import Place, sorted_rows, top_rows

_STORED: Final = {
    Type.BOOL: "System.SByte", Type.DATETIME: "System.DateTime", Type.DYNAMIC: "System.Object",
    Type.GUID: "System.Guid", Type.INT: "System.Int32", Type.LONG: "System.Int64", Type.REAL: "System.Double",
    Type.STRING: "System.String", Type.TIMESPAN: "System.TimeSpan",
}  # fmt: skip
_SCHEMA: Final = {
    "ColumnName": Type.STRING,
    "ColumnOrdinal": Type.INT,
    "DataType": Type.STRING,
    "ColumnType": Type.STRING,
}


def ordered(node: query.Sort | query.Top, segment: Segment, scope: Scope) -> Relation:
    """Return the rows in order, or the first of them.

    Raises:
        MistakeError: What they are sorted by has no order.
    """
    inside = scope.with_columns(segment.columns)
    cells, places = list(segment.columns.values()), list[Place]()
    width = len(cells)
    for key in node.keys:
        value = bind(key.value, inside)
        if value.type is Type.DYNAMIC:
            raise MistakeError("a dynamic value has no order.", key.at, hint="Write tostring(...) around it.")
        places.append(Place(len(cells), key.descends, key.nulls_first))
        cells.append(value)
    columns = {name: each.type for name, each in segment.columns.items()}
    made = segment.made_of(cells, columns)
    if isinstance(node, query.Sort):
        return Relation(columns, lambda run: sorted_rows(made.rows(run), places, width, run), made.depth + 1)
    count = number_of(node.count, scope)
    return Relation(columns, lambda run: top_rows(made.rows(run), count, places, width, run), made.depth + 1)


def count(segment: Segment) -> Relation:
    """Return how many rows there are."""
    depth = segment.depth
    return Relation({"Count": Type.LONG}, counted(segment.rows([])), depth)


def number_of(node: tree.Node, scope: Scope) -> int:
    """Return a number of rows.

    Raises:
        MistakeError: It is none, or not known beforehand.
    """
    found = bind(node, scope.with_columns({}))
    if not isinstance(found, Const) or found.type not in INTEGERS or found.value is None or found.value < 0:
        raise MistakeError("the number of rows must be a whole number that is known beforehand.", node.at)
    count: int = found.value
    return count


def taken(source: Relation, count: int) -> Relation:
    """Return some rows."""
    return Relation(source.columns, lambda run: islice(source.rows(run), count), source.depth + 1)


def distinct(node: query.Distinct, segment: Segment, scope: Scope) -> Relation:
    """Return each combination of values once."""
    values, columns = list(segment.columns.values()), dict[str, Type]()
    if node.items:
        inside, counts = scope.with_columns(segment.columns), dict[str, int]()
        values = [bind(item.value, inside) for item in node.items]
        for item, value in zip(node.items, values, strict=True):
            name = item.name or column_name(item.value, columns, counts)
            refuse_double(name, columns, item.at)
            columns[name] = value.type
    else:
        columns = {name: each.type for name, each in segment.columns.items()}
    made = segment.made_of(values, columns)
    return Relation(columns, distinct_rows(made.rows, list(columns.values())), made.depth + 1)


def schema(source: Relation) -> Relation:
    """Return a row for each column."""
    rows: list[Row] = [
        (name, place, _STORED[of], kql_name(of)) for place, (name, of) in enumerate(source.columns.items())
    ]
    return Relation(_SCHEMA, lambda _: iter(rows))
