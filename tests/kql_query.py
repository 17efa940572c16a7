"""Short ways to ask queries of rows, for a result or for a refusal."""

from datetime import UTC, datetime

import pytest

from dcrlog.kql import KqlError
from dcrlog.kql.query import compile_query

NOW = datetime(2026, 11, 24, 10, 20, 30, 123456, UTC)

TABLES = {
    "Logs": {
        "TimeGenerated": "datetime",
        "Level": "string",
        "Small": "int",
        "Seq": "long",
        "Share": "real",
        "Flag": "boolean",
        "Id": "guid",
        "Bag": "dynamic",
    },
    "Other": {"TimeGenerated": "datetime", "Level": "long", "Seq": "long", "Owner": "string"},
}
"""A table with a column of each type, and one that shares some of them."""


def reader(rows):
    """What reads tables of JSON rows."""
    return lambda table, columns: (tuple(row.get(name) for name in columns) for row in rows[table])


def table_of(text, logs=(), other=(), tables=TABLES, **options):
    """The columns that come out, and the rows."""
    query = compile_query(text, tables)
    return dict(query.columns), list(query.run(reader({"Logs": logs, "Other": other}), now=NOW, **options))


def rows_of(text, logs=(), other=(), **options):
    """The rows that come out."""
    return table_of(text, logs, other, **options)[1]


def columns_of(text):
    """The columns that come out, with their types."""
    return dict(compile_query(text, TABLES).columns)


def value_of(text, logs=(), other=()):
    """The only value that comes out."""
    ((found,),) = rows_of(text, logs, other)
    return found


def refusal(text, tables=TABLES):
    """The error of a query that is refused."""
    with pytest.raises(KqlError) as caught:
        compile_query(text, tables)
    return caught.value
