"""Rows, their size, and the body they make."""

import json
import zlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._batch import MAX_BODY_BYTES, Batch, split_body
from dcrlog._gzip import compress
from dcrlog._stamp import Stamp

json_rows = st.dictionaries(
    st.text(max_size=2),
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(max_size=4),
    max_size=3),
    min_size=1,
    max_size=5,
)  # fmt: skip


def make_batch(rows, stamp=None):
    """A sealed batch of these rows, without stamps unless one is given."""
    batch = Batch(stamp or Stamp(None, None), 1, 0.0)
    for row in rows:
        assert batch.append(row)
    batch.seal()
    return batch


def body_of(batch):
    return zlib.decompress(batch.pack(), wbits=31)


@given(rows=st.lists(json_rows, min_size=1, max_size=20))
def test_packing_loses_changes_and_reorders_nothing(rows):
    """The body is a JSON array of the rows, and splits back into them without an index."""
    encoded = [msgspec.json.encode(row) for row in rows]
    batch = make_batch(encoded)

    assert batch.rows() == encoded
    body = body_of(batch)
    assert split_body(body) == encoded
    assert split_body(b"[]") == []
    assert json.loads(body) == rows
    assert batch.rows() == encoded


@given(rows=st.lists(json_rows, min_size=1, max_size=20))
def test_the_size_of_a_batch_without_stamps_is_that_of_its_body(rows):
    """Brackets and separators included."""
    batch = make_batch([msgspec.json.encode(row) for row in rows])

    assert batch.size == len(body_of(batch))
    assert batch.count == len(rows)


@given(rows=st.lists(json_rows, min_size=1, max_size=20))
def test_the_size_of_a_stamped_batch_is_never_less_than_its_body(rows):
    """Stamps are counted before they are written."""
    batch = make_batch([msgspec.json.encode(row) for row in rows], Stamp("InstanceId", "Seq"))

    body = body_of(batch)
    assert len(body) <= batch.size
    assert [row["Seq"] for row in json.loads(body)] == list(range(1, len(rows) + 1))


def test_a_batch_takes_rows_up_to_a_million_bytes():
    """The row that would pass the limit is not added, and the body is within it."""
    row = b'{"M":"' + b"x" * 9_992 + b'"}'
    batch = Batch(Stamp(None, None), 1, 0.0)
    taken = 0
    while batch.append(row):
        taken += 1

    batch.seal()
    assert taken == batch.count == MAX_BODY_BYTES // (len(row) + 2)
    assert len(body_of(batch)) <= MAX_BODY_BYTES


def test_a_packed_batch_costs_less():
    """Waiting batches are kept compressed."""
    batch = make_batch([b'{"M":"%d"}' % number for number in range(1_000)])
    before = batch.cost

    batch.pack()
    assert batch.cost < before


@given(body=st.binary(max_size=200))
def test_what_is_compressed_is_gzip_of_the_same(body):
    """Whichever codec is installed."""
    assert zlib.decompress(compress(body), wbits=31) == body
