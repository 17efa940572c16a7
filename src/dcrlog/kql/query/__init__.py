"""Queries in KQL over the rows of tables, as Azure Monitor Logs answers them.

The scalar language is that of transformations; operators that need more than one row come on top.
"""

from dcrlog.kql.errors import KqlError, QueryLimitError
from dcrlog.kql.query._compile import Query, compile_query

__all__ = ["KqlError", "Query", "QueryLimitError", "compile_query"]
