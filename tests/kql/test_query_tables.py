"""Queries over several tables: union, join and lookup."""

import pytest

from kql_query import columns_of, refusal, rows_of, table_of, value_of

LOGS = [{"Seq": 1, "Level": "INFO"}, {"Seq": 2, "Level": "ERROR"}]
OTHER = [{"Seq": 2, "Level": 7, "Owner": "Ada"}]
X = "let X = datatable(Key:string, Value1:long)['a', 1, 'b', 2, 'b', 3, 'c', 4];"
Y = "let Y = datatable(Key:string, Value2:long)['b', 10, 'c', 20, 'c', 30, 'd', 40];"


def union(text):
    """The columns and rows of a query over both tables."""
    return table_of(text, LOGS, OTHER)


def test_union_has_the_columns_of_all_and_nulls_where_one_is_absent():
    """The rows of one table after those of the other; a name with two types becomes two columns."""
    columns, rows = union("union Logs, Other | project Seq, Level_string, Level_long, Owner")

    assert columns == {"Seq": "long", "Level_string": "string", "Level_long": "long", "Owner": "string"}
    assert rows == [(1, "INFO", None, ""), (2, "ERROR", None, ""), (2, "", 7, "Ada")]


def test_an_inner_union_has_what_is_common():
    """By name and type."""
    assert union("union kind=inner Logs, Other | project-away TimeGenerated") == (
        {"Seq": "long"},
        [(1,), (2,), (2,)],
    )


def test_union_tells_the_source_where_asked_to():
    """In the first column: the table's name, or the number of the leg."""
    text = "Logs | where Seq > 1 | union withsource=From Other, (Logs | take 1) | project From, Seq"

    assert union(text) == (
        {"From": "string", "Seq": "long"},
        [("union_arg0", 2), ("Other", 2), ("union_arg2", 1)],
    )
    assert "already declared" in str(refusal("union withsource=Seq Logs, Other"))


def test_union_takes_patterns_and_passes_over_what_is_absent_where_told_to():
    """With isfuzzy=true, as long as one table is there."""
    assert union("union * | count")[1] == [(3,)]
    assert union("union Lo*, Oth* | count")[1] == [(3,)]
    assert union("union isfuzzy=true Nope, Other | count")[1] == [(1,)]
    assert "named 'Nope'" in str(refusal("union Logs, Nope"))
    assert "named 'Nope*'" in str(refusal("union Nope*"))
    assert "none of the tables exists" in str(refusal("union isfuzzy=true Nope"))


def test_names_that_a_union_makes_are_not_taken_already():
    """As in the documentation's example."""
    views = "let V1 = print x = 1; let V2 = print x = toint(2); let V3 = print x_long = 3;"

    assert table_of(f"{views} union withsource=T V1, V2, V3") == (
        {"T": "string", "x_long1": "long", "x_int": "int", "x_long": "long"},
        [("V1", 1, None, None), ("V2", None, 2, None), ("V3", None, None, 3)],
    )


JOINS = {
    "": [("b", 2, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30)],
    "kind=innerunique": [("b", 2, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30)],
    "kind=inner": [("b", 2, "b", 10), ("b", 3, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30)],
    "kind=leftouter": [
        ("a", 1, "", None), ("b", 2, "b", 10), ("b", 3, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30)
    ],
    "kind=rightouter": [
        ("b", 2, "b", 10), ("b", 3, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30), ("", None, "d", 40)
    ],
    "kind=fullouter": [
        ("a", 1, "", None), ("b", 2, "b", 10), ("b", 3, "b", 10), ("c", 4, "c", 20), ("c", 4, "c", 30),
        ("", None, "d", 40),
    ],
    "kind=leftsemi": [("b", 2), ("b", 3), ("c", 4)],
    "kind=rightsemi": [("b", 10), ("c", 20), ("c", 30)],
    "kind=leftanti": [("a", 1)],
    "kind=anti": [("a", 1)],
    "kind=leftantisemi": [("a", 1)],
    "kind=rightanti": [("d", 40)],
    "kind=rightantisemi": [("d", 40)],
}  # fmt: skip
"""The documentation's examples of each kind."""


@pytest.mark.parametrize("kind", JOINS)
def test_join_gives_the_rows_of_its_kind(kind):
    """And the columns: a name that both have is followed by 1 on the right."""
    columns, rows = table_of(f"{X} {Y} X | join {kind} Y on Key")

    assert rows == JOINS[kind]
    assert list(columns) in (["Key", "Value1", "Key1", "Value2"], ["Key", "Value1"], ["Key", "Value2"])
    assert len(columns) == len(rows[0])


def test_a_join_may_have_several_conditions_and_other_names():
    """Between commas or `and`; which side stands first does not matter."""
    conditions = [
        "$left.Seq == $right.Seq, $left.Level == $right.Owner",
        "$right.Seq == $left.Seq and $left.Level == $right.Owner",
        "Seq, $left.Level == $right.Owner",
    ]
    other = [{"Seq": 2, "Owner": "ERROR"}, {"Seq": 1, "Owner": "ERROR"}]
    for each in conditions:
        found = rows_of(
            f"Logs | join kind=inner (Other) on {each} | project Seq, Level, Seq1, Owner", LOGS, other
        )
        assert found == [(2, "ERROR", 2, "ERROR")], each


def test_a_null_has_no_match_not_even_a_null():
    """An empty string is one."""
    nulls = [{"Seq": None, "Owner": ""}]

    for kind, expected in {"inner": 0, "leftouter": 1, "fullouter": 2, "leftanti": 1, "rightanti": 1}.items():
        text = f"Logs | join kind={kind} Other on Seq | count"
        assert rows_of(text, [{"Seq": None}], nulls) == [(expected,)], kind
    assert rows_of(
        "Logs | join kind=inner Other on $left.Level == $right.Owner | count", [{"Level": ""}], nulls
    ) == [(1,)]


def test_lookup_leaves_out_the_keys_of_the_right_table():
    """And keeps all rows of the left one, unless told otherwise."""
    assert table_of(f"{X} {Y} X | lookup Y on Key | where Key != 'c'") == (
        {"Key": "string", "Value1": "long", "Value2": "long"},
        [("a", 1, None), ("b", 2, 10), ("b", 3, 10)],
    )
    assert len(rows_of(f"{X} {Y} X | lookup kind=inner Y on Key")) == 4


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("Logs | join Other on Nope", "named 'Nope'"),
        ("Logs | join Other on Level", "must be of one type, and these are string and long"),
        ("Logs | join (Logs) on Bag", "'dynamic' cannot be a key"),
        ("Logs | join Other on $left.Seq < $right.Seq", "a condition must be"),
        ("Logs | join Other on $left.Seq == $left.Seq", "a condition must be"),
        ("Logs | join kind=sideways Other on Seq", "'sideways' is not supported for kind"),
        ("Logs | join Lo* on Seq", "'Lo*' is a pattern"),
        ("Logs | join Other", "expecting 'on'"),
        ("Logs | lookup kind=leftsemi Other on Seq", "'leftsemi' is not supported for kind"),
        ("union kind=left Logs, Other", "'left' is not supported for kind"),
    ],
)
def test_what_cannot_be_joined_is_refused(query, told):
    """With the reason."""
    assert told in refusal(query).reason


def test_tables_of_a_query_may_be_long_and_deep():
    """Hints are passed over; a table may be built on others, and be read several times."""
    assert columns_of("Logs | join hint.strategy=shuffle kind=inner hint.remote=left Other on Seq")["Owner"]
    text = "let A = Logs | where Seq > 0; let B = A | union A; let C = B | union (B | take 1); C | count"
    assert rows_of(text, LOGS) == [(5,)]


def test_the_sides_of_a_condition_may_stand_either_way():
    """And integers of both sizes go together."""
    logs = [{"Level": "a", "Small": 1, "Seq": 7}, {"Level": "b", "Small": 2}]
    other = [{"Owner": "b", "Seq": 2}]

    for condition in (
        "$left.Level == $right.Owner",
        "$right.Owner == $left.Level",
        "$left.Small == $right.Seq",
    ):
        assert rows_of(f"Logs | join kind=inner Other on {condition} | project Level", logs, other) == [
            ("b",)
        ]


def test_a_fuzzy_union_takes_what_let_names():
    """Only what there is not is left out."""
    found = rows_of(
        "let t = Logs | where Seq > 1; union isfuzzy=true t, Nope | count", [{"Seq": 1}, {"Seq": 2}]
    )

    assert found == [(1,)]


def test_the_column_of_withsource_may_stand_in_quotes():
    """As people write it."""
    assert columns_of('union withsource="Which one" Logs, Other')["Which one"] == "string"


def test_a_text_of_no_row_is_empty():
    """toscalar() of a table without rows: no string is null."""
    assert value_of("print toscalar(Logs | where false | project Level)") == ""
