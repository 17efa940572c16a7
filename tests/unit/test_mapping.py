"""Which field fills which column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._mapping import MappedColumn, default_stream, map_columns, stream_of
from dcrlog.errors import ConfigError
from dcrlog.schema import Column, ColumnType, Stream

DEFAULTS = {
    "TimeGenerated": ("datetime", "created"),
    "Level": ("string", "levelname"),
    "Logger": ("string", "name"),
    "Message": ("string", "message"),
    "Exception": ("string", "exception"),
    "TraceId": ("string", "trace_id"),
    "SpanId": ("string", "span_id"),
    "Host": ("string", "host"),
    "Process": ("int", "process"),
    "Thread": ("string", "threadName"),
    "Function": ("string", "funcName"),
    "Line": ("int", "lineno"),
    "Properties": ("dynamic", "properties"),
    "InstanceId": ("string", "instance_id"),
    "Seq": ("long", "seq"),
}


def rule_of(**columns):
    return Stream("Custom-A", tuple(Column(name, ColumnType(kind)) for name, kind in columns.items()))


def fields_by_name(mapped):
    return {column.name: column.fields for column in mapped}


def test_the_default_columns_are_those_of_the_table():
    """Names, types, fields and their order."""
    mapped = map_columns(None, None)

    assert {column.name: (column.type, *column.fields) for column in mapped} == DEFAULTS
    assert stream_of("Custom-AppLogs", mapped) == default_stream()


def test_columns_adds_remaps_and_removes():
    """Text, field and type, None."""
    columns = {
        "Tenant": "tenant_id",
        "Amount": {"field": "amount", "type": "REAL"},
        "Line": None,
        "Level": "levelno",
    }
    mapped = {column.name: column for column in map_columns(None, columns)}

    assert mapped["Tenant"] == MappedColumn("Tenant", ColumnType.STRING, ("tenant_id",))
    assert mapped["Amount"] == MappedColumn("Amount", ColumnType.REAL, ("amount",))
    assert mapped["Level"] == MappedColumn("Level", ColumnType.STRING, ("levelno",))
    assert "Line" not in mapped


def test_a_rule_is_the_whole_truth():
    """A default field, else the field of the same name, else that name in snake_case."""
    rule = rule_of(
        Message="string", TenantId_="string", HTTPStatus="int", user="string", TraceID="string", HOST="string"
    )
    mapped = fields_by_name(map_columns(rule, None))

    assert mapped == {
        "Message": ("message",), "TenantId_": ("TenantId_", "tenant_id_"), "HTTPStatus": ("HTTPStatus",
        "http_status"),
        "user": ("user",), "TraceID": ("trace_id",), "HOST": ("host",),
    }  # fmt: skip


def test_request_stands_for_the_columns_of_a_request():
    """Beside the default ones; a rule has to declare them, and says itself of which types they are."""
    mapped = map_columns(None, "request")
    names = {"RequestId": "string", "Status": "string", "User": "string", "Client": "string"}
    with pytest.raises(ConfigError, match="has no column 'Method'"):
        map_columns(rule_of(**names), "request")
    ruled = map_columns(rule_of(**names, Method="string", Path="dynamic"), "request")

    assert {c.name: (c.type, c.fields) for c in mapped[len(DEFAULTS) :]} == {
        "RequestId": ("string", ("context.request_id",)), "Method": ("string", ("context.method",)),
        "Path": ("string", ("context.path",)), "Status": ("int", ("context.status",)),
        "User": ("string", ("context.user",)), "Client": ("string", ("context.client",)),
    }  # fmt: skip
    assert {c.name: c.type for c in ruled}["Status"] == "string"
    assert {c.bound for c in ruled} == {"request_id", "status", "user", "client", "method", "path"}


def test_a_column_of_a_rule_falls_back_to_the_request_by_its_name():
    """In any spelling that becomes the field's in snake_case; a mapped one does not."""
    rule = rule_of(RequestID="string", status="int", UserName="string", Path="string")
    mapped = map_columns(rule, {"Path": "url"})

    assert {column.name: column.fallback for column in mapped} == {
        "RequestID": "request_id", "status": "status", "UserName": None, "Path": None,
    }  # fmt: skip


def test_columns_may_only_remap_what_a_rule_declares():
    """A column the rule lacks, or another type, is a mistake."""
    rule = rule_of(Amount="real", Message="string")

    assert fields_by_name(map_columns(rule, {"Amount": "sum"}))["Amount"] == ("sum",)
    assert "Amount" not in fields_by_name(map_columns(rule, {"Amount": None}))
    with pytest.raises(ConfigError, match=r"has no column 'Amuont'\. It declares: Amount, Message"):
        map_columns(rule, {"Amuont": "sum"})
    with pytest.raises(ConfigError, match="declares type real, not int"):
        map_columns(rule, {"Amount": {"type": "int"}})


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([], "columns must map"), ({"Lnie": None}, "columns['Lnie'] is None, but there is no such column"),
        ({"ab": 5}, "columns['ab'] must be a field's name"), ({"ab": {}}, "columns['ab'] must be"),
        ({"ab": {"feild": "x"}}, "columns['ab'] must be"),
        ({"ab": {"field": ""}}, "the field must be a name, got ''"),
        ({"ab": {"field": 5}}, "got 5"), ({"ab": {"type": "text"}}, "'text' is not a column type"),
        ({"ab": {"type": "guid"}}, "has no type guid"), ({"Type": "x"}, "'Type' is reserved"),
        ({"a b": "x"}, "'a b'"),
        ({5: "x"}, "5 must be text"), ({None: "x"}, "None must be text"), ({("a",): "x"}, "must be text"),
        ({"Other": "seq"}, "'Seq' and 'Other' both take the field 'seq'"),
        ({"Other": "properties"}, "both take"),
        ({"Seq": {"type": "string"}}, "must be of type long, not string"),
        ({"Properties": {"type": "int"}}, "must be of type dynamic or string, not int"),
        (dict.fromkeys(set(DEFAULTS) - {"Seq", "InstanceId"}), "rows would be empty"),
        (dict.fromkeys(DEFAULTS), "rows would be empty"),
    ],
)  # fmt: skip
def test_a_mistake_in_columns_is_named(columns, told):
    """Which column, what stands there, what may."""
    with pytest.raises(ConfigError) as raised:
        map_columns(None, columns)
    assert told in str(raised.value)


def test_values_are_read_by_key():
    """In the mapping that dictConfig passes, only that resolves ext://."""

    class Converting(dict):
        def __getitem__(self, key):
            return "converted"

    assert fields_by_name(map_columns(None, Converting(Tenant="ext://x")))["Tenant"] == ("converted",)


names = (
    st.sampled_from([*DEFAULTS, "Tenant", "UserID", "a", "Type", "1a"]) | st.text(max_size=4) | st.integers()
)
fields = st.sampled_from(["seq", "properties", "host", "record.x", "context.", "."]) | st.text(max_size=4)
entries = (
    st.none() | fields | st.integers()
    | st.fixed_dictionaries({}, optional={"field": fields | st.none(), "type": st.sampled_from([*ColumnType,
    "x", 5])})
)  # fmt: skip


@given(columns=st.dictionaries(names, entries, max_size=6) | entries)
def test_any_columns_are_mapped_or_refused_with_config_error(columns):
    """What is mapped is a valid stream, with at least one column besides the stamped ones."""
    try:
        mapped = map_columns(None, columns)
    except ConfigError:
        return
    assert stream_of("Custom-A", mapped).types.keys() == {column.name for column in mapped}
    assert any(not {"seq", "instance_id"} & set(column.fields) for column in mapped)
    assert len({column.fields for column in mapped if column.fields[0] in {"seq", "properties"}}) <= 2


@given(name=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{1,20}", fullmatch=True))
def test_a_snake_cased_column_reads_itself(name):
    """A column spelled as a field is looks at nothing else."""
    snake = name.lower()
    try:
        mapped = map_columns(Stream("Custom-A", (Column(snake, ColumnType.STRING),)), None)
    except ConfigError:
        return
    assert mapped[0].fields == (snake,)
