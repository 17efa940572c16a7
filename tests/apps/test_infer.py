"""Columns found in sample rows."""

import datetime as dt
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.cli.provisioning.infer import infer
from dcrlog.emulator.coerce import coerce_rows
from dcrlog.errors import ConfigError
from dcrlog.schema import Column, ColumnType

NOW = dt.datetime(2026, 11, 23, 22, tzinfo=dt.UTC)
NAMES = st.sampled_from(["Level", "Amount", "When", "user_id", "Tags"])
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["text", "12", "2026-11-23T21:01:54.1234567Z", "2026-11-23 21:01:54", "2026-11-23"])
    | st.lists(st.integers(), max_size=2)
)


def types(*rows):
    return {column.name: str(column.type) for column in infer(rows).columns}


@given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1), min_size=1, max_size=8))
def test_the_columns_take_every_row_that_they_were_found_in(rows):
    """In the emulator no value of theirs becomes null, and none is dropped."""
    columns = infer(rows).columns
    coerced = coerce_rows(json.loads(json.dumps(rows)), columns, NOW)

    assert not coerced.misfits
    assert not coerced.dropped


def test_each_kind_of_value_has_its_type():
    """Whole numbers are longs; text is a datetime only where all of it is."""
    row = {"Text": "a", "Number": 1, "Part": 1.5, "Yes": True, "At": "2026-11-23T21:01:54Z", "More": [1]}

    assert types(row) == {
        "TimeGenerated": "datetime", "Text": "string", "Number": "long", "Part": "real", "Yes": "boolean",
        "At": "datetime", "More": "dynamic",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind", "remark"),
    [
        ([1, 1.5], "real", None),
        ([1, None], "long", None),
        ([None, None], "string", "every row has null"),
        ([1, "a", 2], "string", "the rows disagree (long in 2, string in 1), so it is string."),
        ([1, {"a": 1}], "dynamic", "the rows disagree (long in 1, dynamic in 1), so it is dynamic."),
        (["2026-11-23T21:01:54Z", "today"], "string", "not every text is a time"),
        ([True, 1], "string", "the rows disagree"),
        ([2**63], "string", None),
        ([2**63 - 1, -(2**63)], "long", None),
        ([-(2**63) - 1], "string", None),
        (["2026-11-23T21:01:54.1234567Z"], "datetime", None),
    ],
)
def test_where_rows_disagree_the_column_takes_them_all_and_it_is_told(values, kind, remark):
    """With how many rows say what."""
    found = infer({"Value": value} for value in values)

    assert found.columns[-1] == Column("Value", ColumnType(kind))
    told = [each for each in found.remarks if each.startswith("column 'Value'")]
    assert [remark in each for each in told] == ([True] if remark else [])


def test_names_that_azure_refuses_are_left_out_with_a_better_one():
    """A dash, a reserved name, one that begins with a digit."""
    found = infer([{"user-id": 1, "Title": 2, "2nd": 3, "x": 4, "Good": 5}])

    assert [column.name for column in found.columns] == ["TimeGenerated", "Good"]
    for name in ("'user_id'", "'Column_Title'", "'Column_2nd'", "'Column_x'"):
        assert any(name in remark for remark in found.remarks)


def test_the_time_is_the_first_column_wherever_it_stands_in_a_row():
    """As in every table."""
    assert list(types({"Text": "a", "TimeGenerated": "2026-11-23T21:01:54Z"})) == ["TimeGenerated", "Text"]


def test_no_two_columns_are_given_the_same_better_name():
    """Nor that of a column that there is."""
    found = infer([{"a b": 1, "a-b": 2, "a.b": 3, "a_b": 4, "$x": 5, "[x": 6, "L" * 46: 7, "L" * 47: 8}])
    better = [re.search(r"for instance to '(\w+)'", remark)[1] for remark in found.remarks[:-1]]

    assert better == [
        "a_b_2", "a_b_3", "a_b_4", "Column_x", "Column_x_2", "L" * 45, "L" * 41 + "_2",
    ]  # fmt: skip


def test_a_time_that_is_none_and_a_sample_without_columns_are_refused():
    """TimeGenerated is a datetime in every table."""
    with pytest.raises(
        ConfigError, match=r"TimeGenerated must be a datetime .* long in 1\. Write it as in 2026"
    ):
        infer([{"TimeGenerated": 1}])
    with pytest.raises(ConfigError, match=r"no row with a column .* 'user-id' must start .* to 'user_id'"):
        infer([{"user-id": 1}])
