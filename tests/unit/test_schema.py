"""Columns, streams and the rules for their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog.errors import ConfigError, shown
from dcrlog.schema import RESERVED_NAMES, Column, ColumnType, Stream, check_stream_name
from dcrlog.stats import DropReason, Stats
from dcrlog.tables import azure_tables


@pytest.mark.parametrize("name", ["string", "int", "long", "real", "boolean", "dynamic", "datetime"])
def test_a_type_is_read_in_any_case(name):
    """Azure's own documents write datetime and dateTime."""
    for spelling in (name, name.upper(), name.title()):
        assert ColumnType.parse(spelling, where="x") == name


@pytest.mark.parametrize(
    "spelling", ["text", "", "int32", None, 5, ["int"], pytest.param(10**5000, id="5001 digits")]
)
def test_another_type_is_refused_with_its_place_and_the_known_ones(spelling):
    """The message says where, what stands there and what may."""
    with pytest.raises(ConfigError, match=r"^here: .* is not a column type\. Use one of string, int, long"):
        ColumnType.parse(spelling, where="here")


def test_a_stream_has_no_guid():
    """Tables have guid columns; a stream declares a string, and the message says how to cast it."""
    with pytest.raises(ConfigError, match=r"'Id_'.*toguid"):
        Stream("Custom-A", (Column("Id_", ColumnType.GUID),))


@pytest.mark.parametrize("name", ["ab", "A1", "a_", "x" * 45, "Amount_CF", "TimeGenerated"])
def test_a_good_column_name_is_taken(name):
    """A letter first, then letters, digits, underscores; 2 to 45 characters."""
    assert Column(name, ColumnType.INT).name == name


@pytest.mark.parametrize(
    "name", ["", "a", "x" * 46, "1a", "_a", "a b", "a-b", "a.b", "aä", "ab\n", "\uff41\uff42", 5, None]
)
def test_a_bad_column_name_is_refused_by_name(name):
    """The message holds the name, so that it can be found in a long rule."""
    with pytest.raises(ConfigError, match=re.escape(repr(name))):
        Column(name, ColumnType.INT)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_name_is_refused(name):
    """Both documented lists count."""
    with pytest.raises(ConfigError, match=f"'{name}' is reserved"):
        Column(name, ColumnType.STRING)


@given(name=st.text(max_size=60))
def test_a_column_name_is_taken_exactly_when_the_documented_rule_says_so(name):
    """No other text becomes a column."""
    allowed = re.fullmatch("[A-Za-z][A-Za-z0-9_]{1,44}", name, re.ASCII) and name not in RESERVED_NAMES
    try:
        made = Column(name, ColumnType.STRING)
    except ConfigError:
        made = None

    assert (made is not None) == bool(allowed)


@pytest.mark.parametrize("name", ["Custom-A", "Custom-A_CL", "Microsoft-OTel-Logs"])
def test_a_good_stream_name_is_taken(name):
    """Both prefixes are in use."""
    check_stream_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "custom-A", "Custom-", "Microsoft-", "Custom-a/b", "Custom-ä", "Custom-a\n"]
)
def test_a_bad_stream_name_is_refused(name):
    """The service would answer 400 to every request."""
    with pytest.raises(ConfigError, match="stream name"):
        check_stream_name(name)


def test_a_missing_prefix_is_suggested():
    """The commonest mistake is to give the table's name."""
    with pytest.raises(ConfigError, match="did you mean 'Custom-AppLogs_CL'"):
        check_stream_name("AppLogs_CL")


def test_a_stream_refuses_a_column_declared_twice():
    """Azure would refuse the rule."""
    with pytest.raises(ConfigError, match="'ab' twice"):
        Stream("Custom-A", (Column("ab", ColumnType.INT), Column("ab", ColumnType.INT)))


@pytest.mark.parametrize(
    "declaration",
    [None, [], {}, {"columns": []}, {"columns": {}}, {"columns": [1]}, {"columns": [{"name": "ab"}]}],
)
def test_a_misshapen_declaration_is_refused(declaration):
    """The message names the stream."""
    with pytest.raises(ConfigError, match="stream 'Custom-A'"):
        Stream.parse("Custom-A", declaration)


def test_a_stream_tells_its_columns_in_order():
    """Iteration and the types follow the declaration."""
    stream = Stream.parse(
        "Custom-A", {"columns": [{"name": "bb", "type": "Int"}, {"name": "aa", "type": "real"}]}
    )

    assert [column.name for column in stream] == ["bb", "aa"]
    assert stream.types == {"bb": ColumnType.INT, "aa": ColumnType.REAL}


def test_the_known_tables_have_columns_of_known_types():
    """Every type in the data is one that a table can have."""
    assert len(azure_tables()) == 104
    assert {kind for columns in azure_tables().values() for kind in columns.values()} <= set(ColumnType)


class _Unshowable:
    def __repr__(self):
        raise ValueError


@pytest.mark.parametrize(
    "value", [_Unshowable(), pytest.param(10**5000, id="5001 digits"), "x" * 10_000, [[[]]]]
)
def test_any_value_can_be_shown_in_a_message(value):
    """A message is short, and making it never fails."""
    assert 0 < len(shown(value)) <= 203


def test_the_accounts_begin_at_nothing():
    """A fresh snapshot balances."""
    stats = Stats(dropped=dict.fromkeys(DropReason, 0))

    assert stats.accepted + stats.adopted == stats.delivered + stats.dead_lettered + stats.pending
