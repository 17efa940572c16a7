"""The final account of `dcrlog send`."""

from dataclasses import replace

import pytest

from dcrlog import DropReason, Stats
from dcrlog.cli.sending.account import account
from dcrlog.cli.sending.checkpoint import Checkpoint
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.settling import Progress

ALL_WELL = Stats(accepted=2, delivered=2, dropped={DropReason.REJECTED: 0})


def is_complete(progress=None, stats=ALL_WELL, *, is_stopped=False):
    begun = Checkpoint("here", ["a"], None, "id")
    told = account(
        progress or Progress(rows=2), stats, RowMaker(), begun, maybe_delivered=0, is_stopped=is_stopped
    )
    return told["complete"]


def test_all_of_the_input_in_the_table_is_complete():
    """The only case with status 0."""
    assert is_complete()


@pytest.mark.parametrize(
    "changed", [{"unusable": 1}, {"unfinished": 1}, {"failure": "it is gone"}, {"gave_up": True}]
)
def test_an_input_that_was_not_taken_whole_is_not(changed):
    """Whatever kept the rest out."""
    assert not is_complete(Progress(rows=2, **changed))


@pytest.mark.parametrize(
    "changed", [{"dead_lettered": 1}, {"pending": 1}, {"dropped": {DropReason.TOO_LARGE: 1}}]
)
def test_rows_that_did_not_arrive_are_not(changed):
    """Refused, still waiting, or lost."""
    assert not is_complete(stats=replace(ALL_WELL, **changed))


def test_a_run_that_a_signal_has_ended_is_not():
    """There may be more behind what was read."""
    assert not is_complete(is_stopped=True)
