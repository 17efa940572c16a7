"""Hostile values and calls in bulk: nothing escapes, and every row parses.

A failure is repeated with the same `DCRLOG_SEED`; `DCRLOG_FUZZ` sets another number.
"""

import os

import pytest

import fuzz

SEED = int(os.environ.get("DCRLOG_SEED", "1"))
COUNT = int(os.environ.get("DCRLOG_FUZZ", "0"))

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")


def test_nothing_escapes_and_every_row_parses():
    """Twenty thousand values and calls, for the unit suite's budget of time."""
    count = COUNT or 20_000

    assert fuzz.build_rows(count, SEED) >= count


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_nothing_escapes_in_a_million():
    """The number that the design promises."""
    count = COUNT or 1_000_000

    assert fuzz.build_rows(count, SEED + 1) >= count
