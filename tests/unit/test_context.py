"""Fields bound to a request or a task."""

import contextvars

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog import context
from hostile import build_row, make_record


def test_a_bound_field_fills_a_column_inside_the_block_only():
    """Nested blocks add to each other and end in order."""
    columns = {"Request": "context.request_id"}

    with context.bound(request_id="r1"):
        with context.bound(request_id="r2", other=1):
            assert build_row(make_record(), columns)["Request"] == "r2"
        assert build_row(make_record(), columns)["Request"] == "r1"
    assert "Request" not in build_row(make_record(), columns)


def test_a_block_that_fails_is_unbound():
    """An exception passes through, and the field is gone."""
    with pytest.raises(ZeroDivisionError), context.bound(a=1):
        raise ZeroDivisionError
    assert context.current() == {}


def test_another_context_sees_nothing():
    """A task that was started before keeps its own fields."""
    before = contextvars.copy_context()
    with context.bound(a=1):
        assert before.run(context.current) == {}


@given(
    outer=st.dictionaries(st.text("ab", min_size=1), st.integers()),
    inner=st.dictionaries(st.text("ab", min_size=1), st.integers()),
)
def test_inner_fields_win_and_outer_ones_return(outer, inner):
    """Whatever the names."""
    with context.bound(**outer):
        with context.bound(**inner):
            assert context.current() == {**outer, **inner}
        assert context.current() == outer
    assert context.current() == {}
