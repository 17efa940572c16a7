"""Queries: what is wrong, in the words of the service where they are known, and where."""

import pytest

from dcrlog.errors import ConfigError
from dcrlog.kql.query import compile_query
from kql_query import TABLES, refusal, rows_of


@pytest.mark.parametrize(
    ("query", "code", "place", "told"),
    [
        ("Logs | where level == 1", "SemanticError", (1, 14), "'where' operator: Failed to resolve column"),
        (
            "logs | count",
            "SemanticError",
            (1, 1),
            "Failed to resolve table or column expression named 'logs'",
        ),
        (
            "Logs\n| extend x =\n  nope(1)",
            "SemanticError",
            (3, 3),
            "'extend' operator: Unknown function: 'nope'",
        ),
        ("Logs | sort by Bag", "SemanticError", (1, 16), "'sort' operator: a dynamic value has no order"),
        ("let x = Level; Logs", "SemanticError", (1, 9), "Failed to resolve column"),
        (
            "Logs | project a = Seq, a = 1",
            "SemanticError",
            (1, 25),
            "'project' operator: A column with the name",
        ),
        ("Logs | take 'a'", "SemanticError", (1, 13), "'take' operator: the number of rows"),
        ("Logs | join (Logs | where nope) on Seq", "SemanticError", (1, 27), "'where' operator: Failed"),
        ("print x = toscalar(Logs | project-away *)", "SemanticError", (1, 20), "the table has no column"),
        ("print x = toscalar(nope)", "SemanticError", (1, 20), "expression named 'nope'"),
        ("Logs |", "SyntaxError", (1, 7), "unexpected end of the query"),
        (
            "Logs | make-series count() on Seq",
            "SyntaxError",
            (1, 8),
            "the operator 'make-series' is not supported",
        ),
        (
            "Logs | mv-expand Bag",
            "SyntaxError",
            (1, 8),
            "the operator 'mv-expand' is not supported in queries here",
        ),
        ("Logs | sort Seq", "SyntaxError", (1, 13), "expecting 'by'"),
        ("Logs | extend x = decimal(1)", "SemanticError", (1, 19), "the type 'decimal' is not supported"),
        ("Logs | where Level == 'a", "SyntaxError", (1, 23), "no closing quote"),
        ("range x from 1 to 2 step 1", "SyntaxError", (1, 1), "'range' is not supported in queries here"),
        ("", "SyntaxError", (1, 1), "unexpected end of the query"),
    ],
)
def test_a_mistake_is_told_with_its_place(query, code, place, told):
    """Line and column count from 1, and stand in the message, too."""
    error = refusal(query)

    assert (error.code, (error.line, error.column)) == (code, place)
    assert told in str(error)
    assert f"on line [{place[0]},{place[1]}]" in str(error)


def test_a_name_in_another_case_is_hinted_at():
    """Names have a case."""
    assert refusal("Logs | where level == 1").hint == "Did you mean 'Level'?"
    assert refusal("logs").hint == "Did you mean 'Logs'?"
    assert refusal("Logs | summarize Sum(Seq)").reason == "'summarize' operator: Unknown function: 'Sum'"


def test_a_query_may_have_what_a_transformation_may_not():
    """Functions and operators that are not on Azure's list, and literals of dynamic values."""
    columns = "x = coalesce(Small, 7), y = dynamic([1]), z = Level in~ ('A')"
    text = f"Logs | where Seq between (1 .. 3) | project {columns}"
    query = compile_query(text, TABLES)

    assert query.warnings == ()
    assert rows_of(text, [{"Seq": 2, "Level": "a"}]) == [(7, [1], True)]


def test_what_is_carried_out_in_another_way_is_told():
    """As for transformations."""
    (warning,) = compile_query("print x = geo_location('1.1.1.1')", TABLES).warnings

    assert "geo_location() gives an empty bag here" in str(warning)


def test_a_table_has_columns_of_known_types():
    """Else the caller is told which."""
    with pytest.raises(ConfigError, match="table 'T', column 'a': 'decimal' is not a type of a column"):
        compile_query("T", {"T": {"a": "decimal"}})


def test_a_query_may_be_run_again_and_beside_itself():
    """It keeps nothing of a run."""
    query = compile_query(
        "T | extend top = toscalar(T | summarize max(n)) | project top", {"T": {"n": "long"}}
    )

    def over(*numbers):
        return query.run(lambda table, columns: [(number,) for number in numbers])

    first = over(1, 5)
    assert (next(first), list(over(7))) == ((5,), [(7,)])
    assert list(first) == [(5,)]


def test_render_is_told_and_changes_nothing():
    """With its properties; the last one counts."""
    query = compile_query("Logs | render barchart | render timechart with (title='a b', ysplit=none)", TABLES)

    assert query.render == {"visualization": "timechart", "title": "a b", "ysplit": "none"}
    assert list(query.columns) == list(TABLES["Logs"])
    assert compile_query("Logs", TABLES).render is None


def test_only_the_columns_that_are_needed_are_read():
    """What reads may save the others."""
    asked = []

    def read(table, columns):
        asked.append((table, list(columns)))
        return []

    list(compile_query("Logs | where Seq > 1 | summarize max(Small) by Level", TABLES).run(read))
    list(compile_query("Logs | count", TABLES).run(read))

    assert asked == [("Logs", ["Level", "Small", "Seq"]), ("Logs", [])]


@pytest.mark.parametrize(
    "text",
    [
        "search 'x'",
        "search in (Logs) 'x'",
        "find 'x'",
        "range i from 1 to 5 step 1",
        "externaldata(a:string)['x']",
        "workspace('x').Logs",
        "cluster('x').database('y').Logs",
    ],
)
def test_a_beginning_that_is_not_supported_is_named(text):
    """And a table of that name is one."""
    word = text.replace("(", " ").split()[0]
    error = refusal(f"Logs | union ({text})")

    assert f"'{word}' is not supported in queries here" in error.reason
    assert error.column == 15
    assert compile_query(f"{word} | union ({word}) | count", {word: {}}).columns == {"Count": "long"}
