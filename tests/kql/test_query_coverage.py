"""What docs/kql.md says of queries is what the engine does with them."""

import re

import pytest

from dcrlog.kql import KqlError, compile_transformation
from dcrlog.kql.query import compile_query
from dcrlog.kql.query._aggregates import AGGREGATES
from dcrlog.kql.query._coverage import OPERATORS, PICKS
from dcrlog.kql.query._parser import JOINS, QueryParser
from kql_query import TABLES

EXAMPLES = {
    "Table, (Table | ...)": ["Logs", "(Logs | take 1) | count"],
    "where, extend, project, project-away, project-rename, parse": [
        "Logs | where Flag | extend x = 1 | project-rename y = x | project-away S*",
        "Logs | parse Level with z 'a' *",
        "Logs | filter Flag | project Seq",
    ],
    "project-keep, project-reorder": ["Logs | project-keep S*, Level | project-reorder Level, S* asc"],
    "sort by, order by": ["Logs | sort by Seq asc nulls last, Level | order by Seq"],
    "top N by": ["Logs | top 3 by Seq desc nulls first"],
    "take N, limit N": ["Logs | take 3 | limit 2"],
    "count": ["Logs | count"],
    "distinct": ["Logs | distinct *", "Logs | distinct Level, Seq"],
    "summarize ... by ...": ["Logs | summarize count() by Level", "Logs | summarize by Seq"],
    "union": ["union kind=outer withsource=S isfuzzy=true Logs, Other", "Logs | union Oth*"],
    "join": [f"Logs | join kind={kind} hint.strategy=broadcast (Other) on Seq" for kind in JOINS],
    "lookup": ["Logs | lookup kind=inner Other on Seq", "Logs | lookup (Other) on Seq"],
    "getschema": ["Logs | getschema"],
    "serialize, render": ["Logs | serialize | render timechart with (title='a b', ycolumns=Seq)"],
    "let, print, datatable": [
        "let a = 1; print a",
        "let t = datatable(x:long)[1]; t",
        "let f = () { Logs }; f()",
    ],
    "materialize(Table)": ["let a = materialize(Logs | take 1); a | count"],
    "toscalar(Table)": ["Logs | where Seq == toscalar(Logs | summarize max(Seq))"],
    "in (Table)": ["Logs | where Seq in (Other) or Level in ((Other | project Owner))"],
    "arg_max(any, any*), arg_min(any, any*)": ["Logs | summarize arg_max(Seq, *), arg_min(Seq, Level)"],
    "take_any(any, any*)": ["Logs | summarize take_any(*)", "Logs | summarize take_any(Seq, Level)"],
    "percentiles(averageable, number+)": ["Logs | summarize percentiles(Seq, 50, 99.9)"],
    "any(any, any*)": ["Logs | summarize any(Seq)"],
}


@pytest.mark.parametrize("line", [*OPERATORS, *PICKS], ids=lambda line: line.construct)
def test_a_line_says_what_the_engine_does(line):
    """Each has examples that compile."""
    for text in EXAMPLES[line.construct]:
        assert compile_query(text, TABLES).columns


def test_no_example_is_left_of_a_line_that_is_gone():
    """Each belongs to one."""
    assert EXAMPLES.keys() == {line.construct for line in [*OPERATORS, *PICKS]}


def test_every_operator_of_the_parser_is_listed():
    """By the word that a query begins it with."""
    listed = set(re.findall(r"[a-z-]+", " ".join(line.construct for line in OPERATORS)))

    assert set(QueryParser.operators) <= listed


ONLY_IN_QUERIES = [
    text for line in OPERATORS[2:12] for text in EXAMPLES[line.construct] if text.startswith("Logs")
]


@pytest.mark.parametrize("text", ONLY_IN_QUERIES, ids=lambda text: text[:40])
def test_a_transformation_refuses_what_only_queries_have(text):
    """In strict mode and in the other, since no row can be made of one row there."""
    for strict in (True, False):
        with pytest.raises(KqlError, match="is not supported in transformations"):
            compile_transformation(text.replace("Logs", "source"), TABLES["Logs"], strict=strict)


@pytest.mark.parametrize("name", AGGREGATES)
def test_a_transformation_knows_no_aggregation(name):
    """They are functions of rows, and not of values."""
    with pytest.raises(KqlError, match=f"function: {name}"):
        compile_transformation(f"source | extend x = {name}(Seq)", TABLES["Logs"], strict=False)
