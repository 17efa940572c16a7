"""Values cut to what the service would keep."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._careful import MAX_ROW_BYTES, CarefulBuilder
from dcrlog._cut import cut_row, cut_text
from dcrlog._leaves import MAX_FIELD_BYTES
from dcrlog._mapping import MappedColumn
from dcrlog.schema import ColumnType
from hostile import Counts, build_row, make_record, parse

texts = st.text(st.sampled_from('aé€\U0001f600"\\\n\0'), max_size=400)


@given(value=texts, limit=st.integers(64, 300))
def test_a_cut_text_fits_and_is_the_beginning_of_the_whole(value, limit):
    """Valid UTF-8 within the limit, with a mark; a text that fits is not touched."""
    made = cut_text(value, limit)

    assert len(made.encode()) <= limit
    if len(value.encode()) <= limit:
        assert made is value
    else:
        kept, _, mark = made.rpartition("...[")
        assert value.startswith(kept)
        assert mark == f"{len(value.encode())} bytes, cut]"


trees = st.recursive(
    texts | st.integers(-9, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=20,
)


@given(row=st.dictionaries(st.sampled_from(["a", "b", "c"]), trees), limit=st.integers(64, 2_000))
def test_every_value_of_a_cut_row_fits(row, limit):
    """As UTF-8 for text, as JSON for trees; values that fit are the very same, the rest are counted."""
    made, count = cut_row(row, limit)

    assert made.keys() == row.keys()
    assert count == sum(made[name] is not row[name] for name in row)
    for value in made.values():
        size = len(value.encode()) if type(value) is str else len(msgspec.json.encode(value))
        assert size <= limit
    json.loads(msgspec.json.encode(made))


def test_a_value_over_64_kb_is_cut_on_a_character_boundary_marked_and_counted():
    """The service would cut it silently, in the middle of whatever stands there."""
    counts = Counts()
    row = build_row(make_record("€" * 30_000), count=counts)

    kept, _, mark = row["Message"].partition("...[")
    assert set(kept) == {"€"}
    assert mark == "90000 bytes, cut]"
    assert MAX_FIELD_BYTES - 3 < len(row["Message"].encode()) <= MAX_FIELD_BYTES
    assert counts == {"truncated": 1}


def test_a_value_of_just_64_kb_is_not_touched():
    """Neither are others in a row that is larger than that only in sum."""
    counts = Counts()
    row = build_row(make_record("x" * MAX_FIELD_BYTES, other="y" * 60_000), count=counts)

    assert row["Message"] == "x" * MAX_FIELD_BYTES
    assert row["Properties"] == {"other": "y" * 60_000}
    assert not counts


def test_a_large_tree_keeps_its_shape_and_loses_the_length_of_its_texts():
    """A dynamic column stays dynamic where that is possible."""
    counts = Counts()
    row = build_row(make_record(body={"a": "x" * 200_000, "n": 1}), count=counts)

    assert row["Properties"]["body"]["n"] == 1
    assert row["Properties"]["body"]["a"].endswith("...[200000 bytes, cut]")
    assert counts == {"truncated": 1}


def test_a_tree_of_many_small_values_becomes_cut_text():
    """What cannot be shortened text by text is told as far as it goes."""
    row = build_row(make_record(body=[list(range(9_000_000, 9_009_000))]))

    assert row["Properties"].startswith('{"body":[[9000000,')
    assert row["Properties"].endswith("bytes, cut]")


def test_a_row_of_many_large_columns_stays_within_a_request():
    """Each value fits, but together they do not: they are cut further, and each counts once."""
    counts = Counts()
    columns = {f"C{number:02}": f"c{number:02}" for number in range(40)}
    record = make_record(**{f"c{number:02}": "\0" * 200_000 for number in range(40)})
    row = build_row(record, columns, count=counts)

    assert len(msgspec.json.encode(row)) <= MAX_ROW_BYTES
    assert all(row[name].endswith("...[200000 bytes, cut]") for name in columns)
    assert counts == {"truncated": 40}


def test_a_row_of_more_columns_than_fit_still_ends():
    """A rule of ten thousand columns is nobody's; its rows must not hang the application."""
    columns = [
        MappedColumn(f"Column{number:030}", ColumnType.STRING, ("message",)) for number in range(10_000)
    ]
    counts = Counts()
    build = CarefulBuilder(columns, count=counts, redact=None, formatter=None).build

    assert parse(build(make_record("x" * 2_000))) == {columns[0].name: "[the row could not be built]"}
    assert counts["truncated"] == 10_000
