"""What `dcrlog send` knows of what it has read ahead."""

import pytest

from dcrlog.cli.sending.ahead import Ahead
from dcrlog.cli.sending.checkpoint import Position
from dcrlog.cli.sending.rejects import Place


@pytest.fixture
def ahead():
    """Two stretches: rows 1 and 2 of lines 1 and 3 of a file, row 3 of the first element of another."""
    ahead = Ahead()
    ahead.begin("a", "line")
    ahead.add(1, 10, is_row=True)
    ahead.add(2, 20, is_row=False)
    ahead.add(3, 30, is_row=True)
    ahead.close(Position(offset=1))
    ahead.begin("b", "element")
    ahead.add(1, 40, is_row=True)
    ahead.close(Position(offset=2))
    return ahead


@pytest.mark.parametrize(("through", "count"), [(0, 0), (1, 0), (2, 1), (3, 2)])
def test_a_stretch_is_settled_with_the_last_of_its_rows(ahead, through, count):
    """Neither before nor later."""
    assert ahead.count_settled(lambda seq: seq <= through) == count


def test_what_is_settled_counts_no_more(ahead):
    """And the end of the last of it is the position."""
    assert (ahead.let_go(0), ahead.size) == (None, 100)
    assert (ahead.let_go(1), ahead.size) == (Position(offset=1), 40)
    assert (ahead.let_go(1), ahead.size) == (Position(offset=2), 0)


def test_a_stretch_without_rows_is_settled_with_what_was_before_it():
    """Nothing of it is under way."""
    ahead = Ahead()
    ahead.begin("a", "line")
    ahead.add(1, 1, is_row=True)
    ahead.close(Position(offset=1))
    ahead.add(2, 1, is_row=False)
    ahead.close(Position(offset=2))

    assert [ahead.count_settled(lambda seq, through=through: seq <= through) for through in (0, 1)] == [0, 2]


def test_a_row_is_found_by_its_seq_also_in_what_is_not_closed_yet(ahead):
    """Its input, and its number there."""
    ahead.add(2, 1, is_row=True)

    assert [ahead.place_of(seq) for seq in (1, 2, 3, 4)] == [
        Place("a", "line", 1),
        Place("a", "line", 3),
        Place("b", "element", 1),
        Place("b", "element", 2),
    ]
    ahead.let_go(1)
    assert ahead.place_of(3) == Place("b", "element", 1)


def test_a_stretch_is_full_after_256_pieces_or_64_kib():
    """All of it waits for the last of its rows, and arrives twice with it."""
    ahead = Ahead()
    assert [ahead.add(number, 1, is_row=False) for number in range(256)] == [False] * 255 + [True]
    ahead.close(Position())
    assert [ahead.add(number, 32 * 1024, is_row=True) for number in range(2)] == [False, True]
