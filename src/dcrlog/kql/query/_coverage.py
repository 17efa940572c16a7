"""What of the language is supported in queries beside that of transformations, as a table in Markdown."""

from typing import Final, NamedTuple

from dcrlog.kql._table import Evidence
from dcrlog.kql.query._aggregates import AGGREGATES


class QueryLine(NamedTuple):
    """One construct."""

    construct: str
    evidence: Evidence
    note: str = ""


OPERATORS: Final = (
    QueryLine("Table, (Table | ...)", "documented", "by its name, in its case"),
    QueryLine("where, extend, project, project-away, project-rename, parse", "documented", "as above"),
    QueryLine("project-keep, project-reorder", "documented", "names and patterns; not granny-asc"),
    QueryLine(
        "sort by, order by", "documented", "of several; desc, unless asc is said; nulls first and nulls last"
    ),
    QueryLine("top N by", "documented"),
    QueryLine("take N, limit N", "documented", "the oldest rows, where Azure gives any"),
    QueryLine("count", "documented"),
    QueryLine("distinct", "documented", "columns or *; dynamic values count as their JSON text (unsure)"),
    QueryLine(
        "summarize ... by ...", "documented", "aggregations also in expressions; no key of type dynamic"
    ),
    QueryLine(
        "union", "documented", "kind, withsource, isfuzzy, patterns; the rows of one table after the other's"
    ),
    QueryLine("join", "documented", "all kinds; hints are passed over; a null has no match (unsure)"),
    QueryLine("lookup", "documented", "leftouter and inner"),
    QueryLine("getschema", "documented"),
    QueryLine("serialize, render", "documented", "rows as they are; render is told to the client"),
    QueryLine("let, print, datatable", "documented", "as above"),
    QueryLine("materialize(Table)", "documented", "as a table in parentheses"),
    QueryLine("toscalar(Table)", "documented", "the first value of the first row"),
    QueryLine("in (Table)", "documented", "the values of its first column"),
)
"""Operators and what else concerns tables."""

PICKS: Final = (
    QueryLine("arg_max(any, any*), arg_min(any, any*)", "documented", "* for all columns but the keys"),
    QueryLine(
        "take_any(any, any*)",
        "documented",
        "the first row of the group; of one value, the first that is not null or empty",
    ),
    QueryLine("any(any, any*)", "documented", "as take_any()"),
    QueryLine("percentiles(averageable, number+)", "documented", "percentile() of each; not in expressions"),
)
"""Aggregations of several columns."""


def query_table() -> str:
    """Return the tables of what queries have."""
    aggregations = sorted(
        [*PICKS, *(QueryLine(each.signature, each.evidence, each.note) for each in AGGREGATES.values())]
    )
    return "\n".join(
        f"### {heading}\n\n| construct | semantics | |\n|---|---|---|\n" + "".join(map(_written, lines))
        for heading, lines in (("Operators of queries", OPERATORS), ("Aggregations", aggregations))
    )


def _written(line: QueryLine) -> str:
    construct = line.construct.replace("|", "\\|")
    return f"| `{construct}` | {line.evidence} | {line.note} |\n"
