"""Queries: summarize, group by group and aggregation by aggregation."""

import json
import math

import pytest

from dcrlog.kql.query._aggregates import AGGREGATES, PICKS
from kql_query import columns_of, refusal, rows_of, table_of, value_of

GUID = "guid(00000000-0000-0000-0000-00000000000%d)"
COLUMNS = "k:string, n:long, i:int, r:real, s:string, t:timespan, d:datetime, b:bool, g:guid, x:dynamic"
NULLS = ", ".join(f"{kind}(null)" for kind in ("timespan", "datetime", "bool", "guid", "dynamic"))
ROWS = f"""[
    'a', 1, 1, 1.5, 'one', 1h, datetime(2026-01-01), true, {GUID % 1}, dynamic([1, 2]),
    'a', 3, 3, 2.5, 'two', 2h, datetime(2026-01-03), false, {GUID % 2}, dynamic([2, 3]),
    'a', long(null), int(null), real(null), '', {NULLS},
    'b', 3, 3, 2.5, 'two', 2h, datetime(2026-01-03), false, {GUID % 2}, dynamic([2, 3])
]"""
TABLE = f"datatable({COLUMNS}){ROWS}"
NOTHING = f"{TABLE} | where false"
ONLY_NULLS = f"{TABLE} | where isnull(n)"


def one(aggregate, table=TABLE):
    """The value of an aggregation over all rows, and its type."""
    columns, rows = table_of(f"{table} | summarize x = {aggregate}")
    return rows[0][0], columns["x"]


@pytest.mark.parametrize(
    ("aggregate", "value", "kind"),
    [
        ("count()", 4, "long"),
        ("countif(n == 3)", 2, "long"),
        ("countif(b)", 1, "long"),
        ("dcount(n)", 2, "long"),
        ("dcount(s)", 3, "long"),
        ("dcount(x)", 2, "long"),
        ("dcount(n, 4)", 2, "long"),
        ("dcountif(n, k == 'b')", 1, "long"),
        ("count_distinct(r)", 2, "long"),
        ("count_distinctif(r, k == 'b')", 1, "long"),
        ("sum(n)", 7, "long"),
        ("sum(i)", 7, "long"),
        ("sum(r)", 6.5, "real"),
        ("sum(t)", "05:00:00", "timespan"),
        ("sumif(n, k == 'a')", 4, "long"),
        ("avg(n)", 7 / 3, "real"),
        ("avg(i)", 7 / 3, "real"),
        ("avg(r)", 6.5 / 3, "real"),
        ("avg(t)", "01:40:00", "timespan"),
        ("avg(d)", "2026-01-02T08:00:00.0000000Z", "datetime"),
        ("avgif(n, k == 'a')", 2.0, "real"),
        ("min(n)", 1, "long"),
        ("min(i)", 1, "int"),
        ("min(r)", 1.5, "real"),
        ("min(s)", "", "string"),
        ("min(t)", "01:00:00", "timespan"),
        ("min(d)", "2026-01-01T00:00:00.0000000Z", "datetime"),
        ("min(b)", False, "bool"),
        ("min(g)", "00000000-0000-0000-0000-000000000001", "guid"),
        ("minif(n, k == 'b')", 3, "long"),
        ("max(n)", 3, "long"),
        ("max(s)", "two", "string"),
        ("max(b)", True, "bool"),
        ("max(t)", "02:00:00", "timespan"),
        ("maxif(n, k == 'c')", None, "long"),
        ("percentile(n, 33)", 1, "long"),
        ("percentile(n, 34)", 3, "long"),
        ("percentile(i, 0)", 1, "long"),
        ("percentile(r, 100)", 2.5, "real"),
        ("percentile(t, 1)", "01:00:00", "timespan"),
        ("percentile(d, 99.9)", "2026-01-03T00:00:00.0000000Z", "datetime"),
        ("2 * percentile(n, 50)", 6, "long"),
        ("make_list(n)", [1, 3, 3], "dynamic"),
        ("make_list(s)", ["one", "two", "", "two"], "dynamic"),
        ("make_list(d, 1)", ["2026-01-01T00:00:00.0000000Z"], "dynamic"),
        ("make_list(x)", [[1, 2], [2, 3], [2, 3]], "dynamic"),
        ("make_list_if(n, k == 'a', 9)", [1, 3], "dynamic"),
        ("make_set(n)", [1, 3], "dynamic"),
        ("make_set(s, 2)", ["one", "two"], "dynamic"),
        ("make_set(x)", [1, 2, 3], "dynamic"),
        ("make_set_if(n, k == 'b')", [3], "dynamic"),
        ("take_any(n)", 1, "long"),
        ("any(s)", "one", "string"),
        ("arg_max(n)", 3, "long"),
        ("variance(n)", 4 / 3, "real"),
        ("stdev(n)", math.sqrt(4 / 3), "real"),
        ("varianceif(n, k == 'a')", 2.0, "real"),
        ("stdevif(n, k == 'a')", math.sqrt(2), "real"),
        ("max(n) - count()", -1, "long"),
        ("round(avg(r) * 2, 1)", 4.3, "real"),
        ("sum(n * 2)", 14, "long"),
        ("strcat(take_any(s), '!')", "one!", "string"),
        ("countif(n > 2) > 0", True, "bool"),
    ],
)
def test_each_aggregation_gives_its_value_and_type(aggregate, value, kind):
    """Nulls do not count, but for count(); and aggregations may stand in expressions."""
    found, of = one(aggregate)

    assert of == kind
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize("table", [NOTHING, ONLY_NULLS])
def test_without_values_each_aggregation_gives_its_default(table):
    """As the documentation lists them: zero, an empty array, no number for avg(), null for all else."""
    empty = {
        "dcount(n)": 0, "countif(b)": 0, "sum(n)": 0, "sum(r)": 0.0, "sum(t)": "00:00:00", "make_list(n)": [],
        "make_set(x)": [], "min(n)": None, "max(d)": None, "avg(t)": None, "avg(d)": None,
        "take_any(n)": None, "take_any(s)": "", "max(s)": "", "arg_max(n)": None,
        "variance(n)": 0.0, "stdev(r)": 0.0,
    }  # fmt: skip

    assert {aggregate: one(aggregate, table)[0] for aggregate in empty} == empty
    assert math.isnan(one("avg(n)", table)[0])
    assert one("count()", table)[0] == (0 if table == NOTHING else 1)


def test_every_aggregation_is_tested_here():
    """A new one needs a line above."""
    tested = test_each_aggregation_gives_its_value_and_type.pytestmark[0].args[1]
    text = " ".join(aggregate for aggregate, _, _ in tested) + " arg_min("

    assert [name for name in {**AGGREGATES, **PICKS} if f"{name}(" not in text] == []


def test_a_group_is_what_has_the_same_keys():
    """One row for each, the keys first; null and NaN are keys like others."""
    assert rows_of(f"{TABLE} | summarize count(), max(n) by k") == [("a", 3, 3), ("b", 1, 3)]
    assert rows_of(f"{TABLE} | summarize by n") == [(1,), (3,), (None,)]
    found = rows_of("datatable(r:real)[real(nan), 1, real(nan), real(null)] | summarize count() by r")
    assert [count for _, count in found] == [2, 1, 1]


def test_no_rows_make_no_group_unless_there_are_no_keys():
    """Then there is one row, of defaults."""
    assert rows_of(f"{NOTHING} | summarize count() by k") == []
    assert rows_of(f"{NOTHING} | summarize count()") == [(0,)]
    assert rows_of(f"{NOTHING} | summarize by k") == []


def test_bin_makes_groups_of_times_and_numbers():
    """Down to the next multiple, also below zero; the column keeps its name."""
    logs = [{"TimeGenerated": f"2026-11-24T10:{minute}:30.5Z", "Seq": minute - 20} for minute in (10, 14, 25)]
    assert table_of("Logs | summarize count() by bin(TimeGenerated, 10m)", logs) == (
        {"TimeGenerated": "datetime", "count_": "long"},
        [("2026-11-24T10:10:00.0000000Z", 2), ("2026-11-24T10:20:00.0000000Z", 1)],
    )
    assert rows_of("Logs | summarize count() by bin(Seq, 4)", logs) == [(-12, 1), (-8, 1), (4, 1)]
    assert rows_of("Logs | summarize count() by bin(Seq * 1.5, 4.0)", logs) == [
        (-16.0, 1),
        (-12.0, 1),
        (4.0, 1),
    ]
    assert rows_of("print t = -90m | summarize count() by bin(t, 1h)") == [("-02:00:00", 1)]


def test_columns_without_a_name_get_the_usual_one():
    """That of the aggregation and its argument, or of the key; a number tells equal ones apart."""
    assert list(
        columns_of(
            "Logs | summarize count(), sum(Seq), dcount(Level), make_set(Bag.a), make_list(Seq), "
            "avg(Seq + 1), countif(Flag), max(Seq), max(Seq), max(Seq) - 1, take_any(Share) "
            "by Level, bin(TimeGenerated, 1h), tostring(Bag.b), Half = Small / 2, Seq % 2"
        )
    ) == [
        "Level", "TimeGenerated", "Bag_b", "Half", "Column1",
        "count_", "sum_Seq", "dcount_Level", "set_Bag_a", "list_Seq", "avg_", "countif_Flag", "max_Seq",
        "max_Seq1", "Column2", "Share",
    ]  # fmt: skip


def test_the_row_of_the_greatest_or_least_value_is_given_whole():
    """Rows without a value do not count, unless there are no others; * leaves the keys out."""
    table = "datatable(Fruit:string, Color:string, Version:int)"
    fruit = """[
        "Apple", "Red", 1, "Apple", "Green", int(null), "Banana", "Yellow", int(null),
        "Banana", "Green", int(null), "Pear", "Brown", 1, "Pear", "Green", 2]"""
    assert table_of(f"{table}{fruit} | summarize arg_max(Version, *) by Fruit") == (
        {"Fruit": "string", "Version": "int", "Color": "string"},
        [("Apple", 1, "Red"), ("Banana", None, "Yellow"), ("Pear", 2, "Green")],
    )
    assert rows_of(f"{table}{fruit} | summarize arg_min(Version, Color) by Fruit")[2] == ("Pear", 1, "Brown")
    assert table_of(f"{table}{fruit} | summarize Last = arg_max(Version, Color, strlen(Fruit))") == (
        {"Last": "int", "Color": "string", "strlen_Fruit": "long"},
        [(2, "Green", 4)],
    )
    assert list(columns_of("Logs | summarize arg_max(Seq + 1, Level, Seq * 2)")) == [
        "max_",
        "Level",
        "max__arg2",
    ]


def test_any_row_is_the_first_one():
    """A single value prefers one that is neither null nor empty; several are of one row."""
    logs = [{"Seq": None, "Level": ""}, {"Seq": 2, "Level": "b"}, {"Seq": 3, "Level": "c"}]
    assert rows_of("Logs | summarize take_any(Seq), take_any(Level)", logs) == [(2, "b")]
    assert rows_of("Logs | summarize take_any(Seq, Level)", logs) == [(None, "")]
    assert list(columns_of("Other | summarize take_any(*) by Seq")) == [
        "Seq",
        "TimeGenerated",
        "Level",
        "Owner",
    ]
    assert list(columns_of("Other | summarize A = take_any(Level, Owner)")) == ["A", "Owner"]


def test_sums_beyond_64_bits_are_null():
    """Of integers and timespans; a group of many rows is added up whole."""
    biggest = (1 << 63) - 1
    assert value_of("Logs | summarize sum(Seq)", [{"Seq": biggest}] * 2) is None
    assert value_of("Logs | summarize sum(Seq)", [{"Seq": biggest}, {"Seq": 1}, {"Seq": -1}]) == biggest
    assert value_of("Logs | summarize sum(Seq)", [{"Seq": 1}] * 20_000) == 20_000


def test_lists_and_sets_take_as_many_elements_as_asked_for():
    """The first ones, over many rows."""
    logs = [{"Seq": number % 18_000} for number in range(20_000)]
    assert value_of("Logs | summarize make_list(Seq, 17000)", logs) == list(range(17_000))
    assert len(value_of("Logs | summarize make_set(Seq)", logs)) == 18_000
    assert value_of("Logs | summarize dcount(Seq)", logs) == 18_000


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("Logs | summarize count() by Bag", "Group key 'Bag' is of a 'dynamic' type"),
        ("Logs | summarize min(Bag)", "min(): The expression must have an order"),
        ("Logs | summarize sum(Level)", "sum(): The expression value must be a number or a timespan"),
        ("Logs | summarize avg(Flag)", "avg(): The expression value must be a number"),
        ("Logs | summarize countif(Seq)", "countif(): A value of type bool expected"),
        ("Logs | summarize sum()", "The function 'sum' expects 1 argument"),
        ("Logs | summarize make_set(Seq, 0)", "make_set(): the most elements"),
        ("Logs | summarize arg_max()", "The function 'arg_max' expects at least 1"),
        ("Logs | summarize arg_max(Bag, *)", "arg_max(): a dynamic value has no order"),
        ("Logs | summarize x = 1 + arg_max(Seq, *)", "must stand alone"),
        ("Logs | summarize Level", "named 'Level'"),
        ("Logs | summarize sum(max(Seq))", "the aggregation max() must stand in summarize"),
        ("Logs | where count() > 1", "the aggregation count() must stand in summarize"),
        ("Logs | summarize a = count(), a = count()", "'a' is already declared"),
        ("Logs | summarize hll(Seq)", "Unknown function: 'hll'"),
    ],
)
def test_what_cannot_be_summarized_is_refused(query, told):
    """With the reason."""
    error = refusal(query)

    assert told in error.reason
    assert error.code == "SemanticError"


def test_values_of_each_type_are_keys():
    """Whatever can be one."""
    kinds = [kind for kind in columns_of(f"{TABLE}") if kind != "x"]

    assert [len(rows_of(f"{TABLE} | summarize count() by {kind}")) for kind in kinds] == [
        2,
        3,
        3,
        3,
        3,
        3,
        3,
        3,
        3,
    ]
    assert json.dumps(value_of(f"{TABLE} | summarize make_set(k)")) == '["a", "b"]'


def test_a_percentile_is_a_value_of_the_nearest_rank():
    """The first of which so many of a hundred are not greater; null of nothing, NaN being nothing."""
    numbers = f"datatable(n:real)[{', '.join(map(str, range(1000, 0, -1)))}, real(nan), real(null)]"

    for share, value in ((0, 1), (0.1, 1), (0.11, 2), (50, 500), (95, 950), (99.9, 999), (100, 1000)):
        assert value_of(f"{numbers} | summarize percentile(n, {share})") == value
    assert value_of(f"{numbers} | where false | summarize percentile(n, 50)") is None


def test_percentiles_are_columns_named_by_their_share():
    """Each beside the others; a name that is given is that of the first."""
    found = table_of(
        f"{TABLE} | summarize percentiles(n, 34, 99.9), p = percentiles(n, 0, 50), percentile(i * 2, 9)"
    )

    assert found == (
        {
            "percentile_n_34": "long",
            "percentile_n_99_9": "long",
            "p": "long",
            "percentile_n_50": "long",
            "percentile__9": "long",
        },
        [(3, 3, 1, 3, 2)],
    )
    assert list(columns_of("let share = 9; Logs | summarize percentile(Seq, share)")) == ["percentile_Seq_9"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("percentile(Seq, 101)", "must be a number from 0 to 100"),
        ("percentile(Seq, -1)", "must be a number from 0 to 100"),
        ("percentile(Seq, Seq)", "must be a number from 0 to 100"),
        ("percentile(Level, 5)", "must be a number, a timespan or a datetime"),
        ("percentile(Seq)", "expects 2 arguments, and got 1"),
        ("percentiles(Seq)", "expects at least 2 arguments, and got 1"),
    ],
)
def test_a_percentile_that_is_none_is_refused(text, reason):
    """With what it takes."""
    assert reason in refusal(f"Logs | summarize {text}").reason


def test_what_is_no_number_is_the_greatest_and_the_least_only_alone():
    """In whichever place it comes; and arg_max() does not take it where there is a number."""
    for values in ("real(nan), 1.0, 2.0", "1.0, real(nan), 2.0", "2.0, 1.0, real(nan)"):
        numbers = f"datatable(n:real)[{values}]"
        assert rows_of(f"{numbers} | summarize min(n), max(n)") == [(1.0, 2.0)]
        assert rows_of(f"{numbers} | summarize arg_max(n, 2 * n)") == [(2.0, 4.0)]
    assert math.isnan(value_of("datatable(n:real)[real(nan)] | summarize max(n)"))


def test_one_value_does_not_spread():
    """Of a sample of one."""
    assert rows_of("datatable(n:long)[5] | summarize stdev(n), variance(n)") == [(0.0, 0.0)]


def test_a_set_of_arrays_has_no_more_elements_than_it_may():
    """Also where one array has more."""
    assert value_of("datatable(x:dynamic)[dynamic([1, 2, 3])] | summarize make_set(x, 2)") == [1, 2]


def test_a_group_is_one_in_however_many_parts_its_rows_come(monkeypatch):
    """The first row, or the best one, may be in any part."""
    monkeypatch.setattr("dcrlog.kql.query._grouping._CHUNK", 2)
    numbers = "datatable(n:long, s:string)[5, 'a', 9, 'b', 1, 'c', 7, 'd', 3, 'e']"

    assert rows_of(f"{numbers} | summarize arg_max(n, s)") == [(9, "b")]
    assert rows_of(f"{numbers} | summarize arg_min(n, s)") == [(1, "c")]
    assert rows_of(f"{numbers} | summarize take_any(n, s)") == [(5, "a")]
    assert rows_of(f"{numbers} | summarize percentile(n, 50), count(), sum(n)") == [(5, 5, 25)]
