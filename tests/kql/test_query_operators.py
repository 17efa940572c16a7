"""Queries: operators that need more than one row, on rows of their own."""

import math

import pytest

from kql_query import columns_of, refusal, rows_of, table_of, value_of

LOGS = [
    {"Level": "INFO", "Seq": 1, "Share": 0.5, "TimeGenerated": "2026-11-24T10:00:00Z"},
    {"Level": "WARNING", "Seq": 2, "TimeGenerated": "2026-11-24T10:00:59.9999999Z"},
    {"Level": "INFO", "Seq": 3, "Share": 1.5, "TimeGenerated": "2026-11-24T10:01:00Z"},
    {"Level": "ERROR", "Seq": None, "TimeGenerated": "2026-11-24T11:30:00Z"},
]


def seqs(text, logs=LOGS):
    """The only column that comes out, as a list."""
    return [value for (value,) in rows_of(text, logs)]


def test_rows_are_filtered_extended_and_projected():
    """Operators follow each other; the columns come in their order."""
    found = table_of("Logs | where Level == 'INFO' | extend Twice = Seq * 2 | project Twice, Level", LOGS)

    assert found == ({"Twice": "long", "Level": "string"}, [(2, "INFO"), (6, "INFO")])


@pytest.mark.parametrize("word", ["take", "limit"])
def test_take_keeps_so_many_rows(word):
    """None, some, or all that are there."""
    assert [len(rows_of(f"Logs | {word} {count}", LOGS)) for count in (0, 3, 9)] == [0, 3, 4]


def test_take_reads_no_further_row():
    """What has enough asks for no more."""

    def rows():
        yield {"Seq": 1}
        raise AssertionError("the second row was read")

    assert rows_of("Logs | where Seq > 0 | project Seq | take 1", rows()) == [(1,)]


def test_the_number_of_rows_may_come_from_let():
    """It is known beforehand; one that is not is refused."""
    assert rows_of("let n = 1 + 1; Logs | take n | count", LOGS) == [(2,)]
    assert "known beforehand" in str(refusal("Logs | take toscalar(Logs | count)"))
    assert "'take' operator" in str(refusal("Logs | take -1"))


def test_count_counts_rows_and_gives_one_row():
    """Also of none."""
    assert table_of("Logs | count", LOGS) == ({"Count": "long"}, [(4,)])
    assert rows_of("Logs | where false | count", LOGS) == [(0,)]


def test_sort_puts_the_greatest_first_unless_told_otherwise():
    """Nulls come last when it descends, and first when it ascends."""
    assert seqs("Logs | sort by Seq | project Seq") == [3, 2, 1, None]
    assert seqs("Logs | order by Seq asc | project Seq") == [None, 1, 2, 3]
    assert seqs("Logs | sort by Seq asc nulls last | project Seq") == [1, 2, 3, None]
    assert seqs("Logs | sort by Seq nulls first | project Seq") == [None, 3, 2, 1]


def test_sort_takes_several_keys_and_keeps_the_order_of_what_is_alike():
    """The first key decides, then the next; an expression is a key, too."""
    assert rows_of("Logs | sort by Level asc, Seq desc | project Level, Seq", LOGS) == [
        ("ERROR", None),
        ("INFO", 3),
        ("INFO", 1),
        ("WARNING", 2),
    ]
    assert seqs("Logs | sort by strlen(Level) asc | project Seq") == [1, 3, None, 2]


def test_what_is_no_number_is_sorted_with_the_nulls():
    """As the documentation has it: beside them, and never between numbers."""
    values = "datatable(x:real)[1, real(null), -1, real(+inf), real(nan), real(-inf)]"
    ascending = [None, "nan", -math.inf, -1.0, 1.0, math.inf]
    last = [-math.inf, -1.0, 1.0, math.inf, "nan", None]
    orders = {"asc": ascending, "asc nulls last": last, "desc": [*last[3::-1], *last[4:]]}
    for order, expected in orders.items():
        found = [value for (value,) in rows_of(f"{values} | sort by x {order}")]
        assert ["nan" if each != each else each for each in found] == expected, order  # noqa: PLR0124


def test_top_is_sort_and_take():
    """With the same defaults."""
    for order in ("Seq", "Seq asc", "Seq asc nulls last", "Level"):
        assert rows_of(f"Logs | top 2 by {order}", LOGS) == rows_of(f"Logs | sort by {order} | take 2", LOGS)
    assert rows_of("Logs | top 0 by Seq", LOGS) == []


def test_distinct_gives_each_combination_once():
    """Of the columns that it names, or of all; nulls are alike here."""
    assert rows_of("Logs | distinct Level", LOGS) == [("INFO",), ("WARNING",), ("ERROR",)]
    assert rows_of("Logs | project Share | distinct *", LOGS) == [(0.5,), (None,), (1.5,)]
    assert rows_of("Logs | project Bag | distinct *", [{"Bag": {"a": [1]}}, {"Bag": {"a": [1]}}]) == [
        ({"a": [1]},)
    ]


def test_columns_are_kept_and_reordered():
    """By names and patterns; what is not named comes behind."""
    assert list(columns_of("Logs | project-keep Level, S*")) == ["Level", "Small", "Seq", "Share"]
    assert list(columns_of("Other | project-reorder Owner, *e* desc"))[:2] == ["Owner", "TimeGenerated"]
    assert list(columns_of("Other | project-reorder Seq")) == ["Seq", "TimeGenerated", "Level", "Owner"]
    assert "named 'Nope'" in str(refusal("Other | project-keep Nope"))


def test_getschema_tells_the_columns():
    """Their names, places and types."""
    assert table_of("Logs | project Level, Flag, Bag | getschema") == (
        {"ColumnName": "string", "ColumnOrdinal": "int", "DataType": "string", "ColumnType": "string"},
        [
            ("Level", 0, "System.String", "string"),
            ("Flag", 1, "System.SByte", "bool"),
            ("Bag", 2, "System.Object", "dynamic"),
        ],
    )


def test_a_table_may_be_named_piped_and_read_again():
    """By let, in parentheses, by a function with arguments, and as one value."""
    assert value_of("let late = Logs | where Seq > 1; late | count", LOGS) == 2
    assert value_of("let t = Logs; t | count", LOGS) == 4
    assert value_of("let over = (n:long) { Logs | where Seq > n }; over(2) | count", LOGS) == 1
    assert value_of("(Logs | where Seq > 1) | count", LOGS) == 2
    assert value_of("let m = materialize(Logs | where Seq > 1); m | count", LOGS) == 2
    assert seqs("Logs | where Seq == toscalar(Logs | summarize max(Seq)) | project Seq") == [3]
    assert seqs("Logs | where Seq in ((Logs | where Level == 'INFO' | project Seq)) | project Seq") == [1, 3]
    assert seqs("Logs | where Seq in ((print x = 2), 3) | project Seq") == [2, 3]
    assert seqs("let i = Logs | where Seq < 2 | project Seq; Logs | where Seq !in (i) | project Seq") == [
        2,
        3,
        None,
    ]


def test_values_are_looked_up_in_tables():
    """Of any type, in any case, and by terms where they are written down."""
    words = "let words = datatable(w:string, n:long)['info', 1, 'error', 2];"
    assert seqs(f"{words} Logs | where Level in~ (words) | project Seq") == [1, 3, None]
    assert seqs(f"{words} Logs | where Level in~ ((words | where n > 1)) | project Seq") == [None]
    assert seqs(f"{words} Logs | where Level has_any (words) | project Seq") == [1, 3, None]
    assert seqs("Logs | where Share in ((print 0.5), 1.5) | project Seq") == [1, 3]
    assert seqs(
        "Logs | where TimeGenerated in ((Logs | where Seq == 3 | project TimeGenerated)) | count"
    ) == [1]
    assert "takes no table but a datatable" in str(refusal("Logs | where Level has_any (Other)"))
