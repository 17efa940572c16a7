"""What can be read back of a segment, in whatever state it is."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dcrlog._frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    SEGMENT_BYTES,
    Damage,
    Frame,
    frame_parts,
    is_header,
    scan,
    segment_header,
)

DESTINATION = b"d" * 32
INSTANCE = "0123456789abcdef01234567"
HEADER = segment_header(DESTINATION, INSTANCE, 1)
ROWS = st.lists(st.binary(min_size=2, max_size=60).filter(lambda row: b"\xf5" not in row), max_size=12)


def segment(rows, first_seq=1):
    """As it is sealed: cut to its length."""
    return HEADER + b"".join(frame(seq, row) for seq, row in enumerate(rows, first_seq))


def reserved(data):
    """As it is written, with its whole length."""
    return data.ljust(SEGMENT_BYTES, b"\0")


def frame(seq, row):
    before, after = frame_parts(seq, row)
    return before + row + after


def frames(data):
    return [each for each in scan(data) if isinstance(each, Frame)]


def damages(data):
    return [each for each in scan(data) if isinstance(each, Damage)]


@given(ROWS, st.integers(1, 2**63))
def test_whole_frames_are_read_back_in_order(rows, first_seq):
    """And the zeros that the file was reserved with are no damage."""
    whole = [Frame(seq, row) for seq, row in enumerate(rows, first_seq)]

    assert list(scan(segment(rows, first_seq))) == whole
    assert list(scan(reserved(segment(rows, first_seq)))) == whole


@given(ROWS.filter(bool), st.integers(1, 10_000))
def test_zeros_at_the_end_of_a_sealed_segment_are_damage(rows, zeros):
    """As a power loss leaves them: its length has reached the disk, and its last rows have not."""
    data = segment(rows)
    zeros = min(zeros, len(data) - HEADER_BYTES)
    zeroed = data[:-zeros] + bytes(zeros)
    # A checksum may end with zeros.
    assume(zeroed != data)

    assert frames(zeroed) == frames(data)[: len(frames(zeroed))]
    assert len(frames(zeroed)) < len(rows)
    assert 1 <= sum(each.rows for each in damages(zeroed)) <= len(rows) - len(frames(zeroed))


# The larger one is of 16 KiB, and takes 10 s.
COUNTS = pytest.mark.parametrize("count", [15, pytest.param(100, marks=pytest.mark.soak)])


@COUNTS
def test_a_byte_changed_anywhere_costs_one_row_at_most(count):
    """Every frame it does not touch is recovered, and the damage counted."""
    rows = [b'{"Message":"%04d"}' % number * 8 for number in range(count)]
    data = segment(rows)
    whole = frames(data)
    size = FRAME_BYTES + len(rows[0])
    for at in range(HEADER_BYTES, len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x5A
        touched = (at - HEADER_BYTES) // size

        assert frames(bytes(changed)) == whole[:touched] + whole[touched + 1 :]
        assert sum(damage.rows for damage in damages(bytes(changed))) == 1


@COUNTS
def test_a_segment_cut_anywhere_keeps_the_frames_before(count):
    """The torn one is a damage if its header had been written."""
    rows = [b'{"Message":"%04d"}' % number * 8 for number in range(count)]
    data = segment(rows)
    whole = frames(data)
    size = FRAME_BYTES + len(rows[0])
    for length in range(len(data)):
        kept = max(0, length - HEADER_BYTES) // size

        assert frames(data[:length]) == whole[:kept]
        assert sum(damage.rows for damage in damages(data[:length])) <= 1


@given(ROWS, st.data())
def test_a_zeroed_stretch_is_damage_where_frames_follow(rows, data):
    """As a power loss leaves it, when later pages were written and earlier ones were not."""
    whole = segment(rows)
    start = data.draw(st.integers(HEADER_BYTES, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    zeroed = reserved(whole[:start] + bytes(end - start) + whole[end:])

    assert set(frames(zeroed)) <= set(frames(whole))
    assert len(frames(zeroed)) + sum(each.rows for each in damages(zeroed)) <= len(rows)


@given(st.binary(max_size=2_000))
def test_anything_can_be_scanned(data):
    """Foreign files too; every byte is looked at once, so that it ends."""
    spans = [(each.start, each.end) for each in damages(data)]

    assert all(start < end for start, end in spans)
    assert spans == sorted(spans)


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x7FFF_FFFF, 2_000_000])
def test_a_huge_length_is_damage(length):
    """Even with a right checksum nothing of that size is read."""
    import struct
    import zlib

    head = struct.pack(">4sIQH", b"\xf5\xfe\xff\xf8", length, 1, 0)
    data = HEADER + head + struct.pack(">I", zlib.crc32(head)) + frame(2, b"{}")

    assert frames(data) == [Frame(2, b"{}")]
    assert len(damages(data)) == 1


def test_a_row_that_was_not_finished_is_no_damage():
    """Its header is written last, so the process died before the logging call returned."""
    data = reserved(segment([b"{}"]) + bytes(FRAME_BYTES - 4) + b'{"Message":"half of i')

    assert list(scan(data)) == [Frame(1, b"{}")]


def test_a_header_is_known_again():
    """Of this destination and instance, and whole."""
    assert is_header(HEADER, DESTINATION, INSTANCE)
    assert not is_header(HEADER, b"e" * 32, INSTANCE)
    assert not is_header(HEADER, DESTINATION, "f" * 24)
    for at in range(len(HEADER)):
        assert not is_header(HEADER[:at] + bytes([HEADER[at] ^ 1]) + HEADER[at + 1 :], DESTINATION, INSTANCE)
    assert not is_header(HEADER[:-1], DESTINATION, INSTANCE)
