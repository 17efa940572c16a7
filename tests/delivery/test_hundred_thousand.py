"""A hundred thousand hostile values and calls: nothing escapes, and every row parses."""

import pytest

import fuzz


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_nothing_escapes_in_a_hundred_thousand():
    """The same as in the unit suite, which has time for twenty thousand."""
    assert fuzz.build_rows(100_000, seed=7) >= 100_000
