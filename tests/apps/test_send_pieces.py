"""Input cut into pieces, and pieces made rows."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.cli.sending import pieces
from dcrlog.cli.sending.pieces import Format, Piece, Unreadable, cut
from dcrlog.cli.sending.rows import RowMaker, Unusable

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from('"\\,[]{}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=5), VALUES, min_size=1, max_size=4)


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, so that every token is cut somewhere."""

    def __init__(self, data, size):
        super().__init__(data)
        self._size = size

    def read1(self, size=-1):
        return super().read1(min(size, self._size))


def pieces_of(text, kind, **options):
    return list(cut(io.BytesIO(text), kind, **options))


@given(st.lists(OBJECTS, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_the_elements_of_an_array_come_out_as_they_went_in(rows, size, indent, is_ascii):
    """However it is spaced, and wherever a block ends: inside a string, an escape or a character."""
    text = json.dumps(rows, indent=indent, ensure_ascii=is_ascii).encode()

    found = list(cut(Trickle(text, size), Format.ARRAY))

    assert [json.loads(each.data) for each in found] == rows
    assert [each.number for each in found] == list(range(1, len(rows) + 1))
    assert all(each.flaw is None for each in found)


@given(st.lists(OBJECTS, min_size=1, max_size=6), st.integers(1, 40), st.data())
def test_an_array_goes_on_behind_any_of_its_elements(rows, size, data):
    """The rest of it, with the numbers that they would have had."""
    text = json.dumps(rows).encode()
    whole = list(cut(Trickle(text, size), Format.ARRAY))
    behind = data.draw(st.sampled_from(whole))
    rest = Trickle(text, size)
    rest.seek(behind.end)

    assert list(cut(rest, Format.ARRAY, offset=behind.end, number=behind.number)) == whole[behind.number :]


@given(st.lists(OBJECTS, min_size=1, max_size=6), st.data())
def test_lines_go_on_behind_any_of_them(rows, data):
    """The same for NDJSON."""
    text = b"\n".join(json.dumps(row).encode() for row in rows)
    whole = pieces_of(text, Format.NDJSON)
    behind = data.draw(st.sampled_from(whole))

    assert [json.loads(each.data) for each in whole] == rows
    assert (
        pieces_of(text[behind.end :], Format.NDJSON, offset=behind.end, number=behind.number)
        == whole[behind.number :]
    )


def test_blank_lines_and_a_byte_order_mark_are_passed_over():
    """They count as lines, so that the numbers are those of an editor."""
    found = pieces_of(b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"a":2}', Format.NDJSON)

    assert [(each.number, each.data) for each in found] == [(1, b'{"a":1}'), (4, b'{"a":2}')]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'[{"a":1},{"a":nope},{"a":3}]', [b'{"a":1}', b'{"a":nope}', b'{"a":3}']),
        (b'[{"a":1} {"a":2},{"a":3}]', [b'{"a":1} {"a":2}', b'{"a":3}']),
        (b'[{"a":1},3,"x, y",null]', [b'{"a":1}', b"3", b'"x, y"', b"null"]),
    ],
)
def test_a_broken_element_costs_itself_alone(text, told):
    """Those around it are found all the same."""
    assert [each.data for each in pieces_of(text, Format.ARRAY)] == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'[{"a":1},{"a":2', "the array does not end"),
        (b'[{"a":1},', "the array does not end"),
        (b'[{"a":1}', "the array does not end"),
        (b'[{"a":1}] tail', "'tail' is no part of the array"),
        (b'[{"a":1}], ', "',' is no part of the array"),
        (b'head [{"a":1}]', "'head' is no part of the array"),
        (b'{"a":1}', "'{\"a\":1}' is no part of the array"),
    ],
)
def test_what_an_array_lacks_or_has_beyond_itself_is_told(text, told):
    """A file that was cut off may have lost more than its last element; no part of one is a piece."""
    found = []
    with pytest.raises(Unreadable, match=re.escape(told)):
        found.extend(cut(io.BytesIO(text), Format.ARRAY))

    assert [each.data for each in found] == ([b'{"a":1}'] if text[8:] and text[0] == ord("[") else [])


def test_arrays_behind_each_other_are_one():
    """As a program writes them that appends."""
    text = b'\xef\xbb\xbf[{"a":1}]\n[]\n[{"a":2},{"a":3}]'
    whole = pieces_of(text, Format.ARRAY)

    assert [each.data for each in whole] == [b'{"a":1}', b'{"a":2}', b'{"a":3}']
    assert pieces_of(text[whole[0].end :], Format.ARRAY, offset=whole[0].end, number=1) == whole[1:]


def test_only_a_last_line_can_lack_its_end():
    """It may be half a line."""
    assert [each.is_ended for each in pieces_of(b"a\nb\n", Format.TEXT)] == [True, True]
    assert [each.is_ended for each in pieces_of(b"a\r\nb", Format.TEXT)] == [True, False]


@pytest.mark.parametrize("kind", [Format.NDJSON, Format.ARRAY])
def test_a_piece_too_long_to_be_read_is_kept_in_part_and_the_next_is_found(kind, monkeypatch):
    """Memory stays bounded: of the long one only its beginning is held."""
    monkeypatch.setattr(pieces, "MAX_PIECE", 1_000)
    monkeypatch.setattr(pieces, "SHOWN", 100)
    monkeypatch.setattr(pieces, "BLOCK", 64)
    texts = [b'{"a":1}', b'{"a":"' + b"[,x" * 1_000 + b'"}', b'{"a":3}']
    text = b"[" + b",".join(texts) + b"]" if kind is Format.ARRAY else b"\n".join(texts)

    first, long, last = pieces_of(text, kind)

    assert (first.data, last.data) == (texts[0], texts[2])
    assert long.data == texts[1][:100]
    assert re.search(r"has 300[89] bytes; 1000 at most", long.flaw)
    assert text[last.end - len(last.data) : last.end].rstrip(b"]\n") == last.data


def test_a_last_line_may_be_as_long_as_any(monkeypatch):
    """To the byte."""
    monkeypatch.setattr(pieces, "MAX_PIECE", 1_000)

    assert [each.flaw is None for each in pieces_of(b"x" * 1_000, Format.TEXT)] == [True]
    assert [each.flaw is None for each in pieces_of(b"x" * 1_001, Format.TEXT)] == [False]


def make(text, number=1, **options):
    return json.loads(RowMaker(**options).make(Piece(number, text, 0), number))


def test_a_line_of_plain_text_goes_into_the_column():
    """Whatever bytes it has."""
    assert make(b"it is \xff late", field="Message") == {"Message": "it is \\xff late"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"plain", "it is not JSON: "),
        (b'{"a":NaN}', "it is not JSON: "),
        (b'{"a":1', "it is not JSON: "),
        (b"[1]", "it is not a JSON object but an array"),
        (b"17", "it is not a JSON object but a number"),
        (b"{}", "it is an empty object"),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_no_row_can_be_made_of_says_why(text, reason):
    """In words that stand behind a line's number."""
    with pytest.raises(Unusable, match=f"^{re.escape(reason)}"):
        RowMaker().make(Piece(1, text, 0), 1)


def test_rows_are_numbered_unless_they_are_already():
    """A row that was exported from a table keeps what it has."""
    numbers = ("InstanceId", "Seq", "this")

    assert make(b'{"a":1}', 7, numbers=numbers) == {"InstanceId": "this", "Seq": 7, "a": 1}
    assert make(b'{"Seq":3,"a":1}', 7, numbers=numbers) == {"InstanceId": "this", "Seq": 3, "a": 1}


def test_members_that_the_stream_does_not_declare_are_counted():
    """The service would drop them without a word."""
    maker = RowMaker(declared=frozenset({"a"}))
    maker.make(Piece(1, b'{"a":1,"b":2}', 0), 1)
    maker.make(Piece(2, b'{"b":1,"c":2}', 0), 2)

    assert maker.undeclared == {"b": 2, "c": 1}


def test_times_that_the_service_would_replace_are_counted():
    """It keeps two days; what is no text it may read all the same."""
    maker = RowMaker(oldest="2026-11-27T17:00:00")
    for time in ('"2026-11-27T16:59:59Z"', '"2026-11-27T17:00:00Z"', '"2001-01-01"', "17", "null", '"now"'):
        maker.make(Piece(1, b'{"TimeGenerated":%b}' % time.encode(), 0), 1)

    assert maker.too_old == 2


def test_a_value_over_the_limit_is_cut_with_a_mark():
    """The service would cut it without one."""
    maker = RowMaker()
    row = json.loads(maker.make(Piece(1, b'{"a":"' + b"x" * 2_000_000 + b'"}', 0), 1))

    assert row["a"].endswith("...[2000000 bytes, cut]")
    assert maker.truncated == 1


def test_a_row_of_too_many_members_is_not_sent():
    """There is nothing left to cut."""
    text = json.dumps({f"member{number}": number for number in range(60_000)}).encode()

    with pytest.raises(Unusable, match="it has 60000 members"):
        RowMaker().make(Piece(1, text, 0), 1)
