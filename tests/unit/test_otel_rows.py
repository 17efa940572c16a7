"""From OpenTelemetry log record to row."""

import json
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.resources import Resource

import hostile
from dcrlog import _fields, context
from dcrlog._careful import CarefulBuilder
from dcrlog._mapping import STAMPED, map_columns, stream_of
from dcrlog._otel_rows import compile_otel_builder
from dcrlog._otel_source import OtelSource
from dcrlog._redact import make_redactor
from dcrlog.emulator.rules import DEFAULT_RULE
from dcrlog.schema import Stream
from hostile import Counts, parse
from otel_records import NOON, build_otel_row, in_span, otel_columns, otel_record


def test_the_default_columns_are_those_of_the_handler_and_three_more():
    """ServiceName, ServiceInstance and Resource; and the emulator's default stream is the same."""
    mapped = otel_columns()

    assert [column.name for column in mapped if column not in map_columns(None, None)] == [
        "ServiceName", "ServiceInstance", "Resource",
    ]  # fmt: skip
    declared = DEFAULT_RULE["streamDeclarations"]["Custom-AppLogs"]
    assert stream_of("Custom-AppLogs", mapped) == Stream.parse("Custom-AppLogs", declared)


def test_a_plain_record_fills_the_default_columns():
    """Time, level, logger, message, ids of the span, attributes and resource."""
    row = build_otel_row(
        otel_record("paid", severity_text="INFO", attributes={"tenant": "t"}, context=in_span())
    )

    assert row == {
        "TimeGenerated": "2023-11-14T22:13:20.250000Z", "Level": "INFO", "Logger": "app", "Message": "paid",
        "TraceId": f"{0xABC:032x}", "SpanId": f"{0xDEF:016x}", "Host": _fields.HOST, "Process": os.getpid(),
        "Properties": {"tenant": "t"}, "ServiceName": "shop", "ServiceInstance": "i-1",
        "Resource": {"service.name": "shop", "service.instance.id": "i-1", "zones": ["a", "b"]},
    }  # fmt: skip


def test_what_is_bound_fills_columns_and_goes_beside_the_attributes():
    """As for a stdlib record."""
    record = otel_record("paid", attributes={"tenant": "t"})
    with context.bound(status=200, request_id="r", tenant="bound"):
        row = build_otel_row(record, {"Status": {"type": "int"}, "Request": "context.request_id"})
        plain = build_otel_row(record)

    assert (row["Status"], row["Request"], row["Properties"]) == (200, "r", {"tenant": "t"})
    assert plain["Properties"] == {"tenant": "t", "status": 200, "request_id": "r"}


def test_columns_may_name_whatever_the_record_has():
    """Attributes, scope, resource and the log record's own fields; each in its column's type."""
    columns = {
        "Method": "attributes.http.request.method", "Status": {"field": "http.status", "type": "int"},
        "Service": "resource.service.name", "Zones": {"field": "resource.zones", "type": "dynamic"},
        "Scope": "scope.name", "Version": "scope.version", "Schema": "scope.schema_url",
        "Team": "scope.attributes.team", "Number": {"field": "severity_number", "type": "int"},
        "Text": "severity_text", "Levelno": {"field": "levelno", "type": "int"}, "Event": "event_name",
        "Flags": "trace_flags", "Body": {"field": "body", "type": "dynamic"},
        "Seen": {"field": "observed_timestamp", "type": "datetime"},
        "When": {"field": "timestamp", "type": "real"}, "Everything": {"field": "resource", "type": "string"},
        "Tenant": "record.tenant",
        "Lost": {"field": "dropped_attributes", "type": "int"},
    }  # fmt: skip
    attributes = {"http.request.method": "GET", "http.status": "200", "tenant": "t", "rest": 1}
    record = otel_record(
        {"a": [1, {"b": 2.5}]}, severity_text="WARN", severity_number=SeverityNumber.WARN2, event_name="paid",
        attributes=attributes, context=in_span(),
    )  # fmt: skip
    row = build_otel_row(record, columns)

    assert {name: row[name] for name in columns} == {
        "Method": "GET", "Status": 200, "Service": "shop", "Zones": ["a", "b"], "Scope": "app",
        "Version": "1.2", "Schema": "https://schema", "Team": "blue", "Number": 14, "Text": "WARN",
        "Levelno": 31, "Event": "paid", "Flags": "01", "Body": {"a": [1, {"b": 2.5}]},
        "Seen": "2023-11-14T22:13:21.250000Z", "When": 1_700_000_000.25,
        "Everything": '{"service.name":"shop","service.instance.id":"i-1","zones":["a","b"]}', "Tenant": "t",
        "Lost": 0,
    }  # fmt: skip
    assert row["Properties"] == {"rest": 1}


@pytest.mark.parametrize(
    ("text", "number", "level"),
    [
        ("WARN", SeverityNumber.WARN, "WARNING"), ("FATAL", None, "CRITICAL"), ("INFO", None, "INFO"),
        ("custom", SeverityNumber.ERROR, "custom"), (None, SeverityNumber.WARN3, "WARNING"),
        (None, SeverityNumber.FATAL, "CRITICAL"), (None, SeverityNumber.TRACE, "TRACE"),
        ("", SeverityNumber.DEBUG, "DEBUG"), (None, SeverityNumber.UNSPECIFIED, None), (None, None, None),
    ],
)  # fmt: skip
def test_a_level_has_the_name_that_the_handler_gives_it(text, number, level):
    """OpenTelemetry renames WARNING and CRITICAL; a table should not have two words for one level."""
    row = build_otel_row(otel_record(severity_text=text, severity_number=number))

    assert row.get("Level") == level


@pytest.mark.parametrize(
    ("body", "message", "properties"),
    [
        ("text", "text", None), (None, None, None), (5, "5", None), (True, "True", None), (1.5, "1.5", None),
        (b"bytes", "bytes", None), ("", "", None), ({"a": 1}, None, {"body": {"a": 1}}),
        ([1, "a", None], None, {"body": [1, "a", None]}), ((), None, {"body": []}),
    ],
)  # fmt: skip
def test_a_body_that_is_no_structure_is_the_message(body, message, properties):
    """A structure keeps its types in the dynamic column."""
    row = build_otel_row(otel_record(body))

    assert (row.get("Message"), row.get("Properties")) == (message, properties)


def test_a_structured_body_is_text_where_no_column_is_dynamic():
    """It is not lost with the column."""
    assert build_otel_row(otel_record({"a": 1}), {"Properties": None})["Message"] == '{"a":1}'


def test_an_attribute_named_as_the_body_is_kept_beside_it():
    """Under its qualified name."""
    row = build_otel_row(otel_record({"a": 1}, attributes={"body": "mine"}, event_name="e"))

    assert row["Properties"] == {"body": {"a": 1}, "attributes.body": "mine", "otel.event.name": "e"}


@pytest.mark.parametrize("number", [-7, -1, 0, 25, 9_999, "9", 9.0])
def test_a_severity_that_is_none_has_no_level(number):
    """Whatever a library in another language has put there."""
    assert build_otel_row(otel_record(severity_number=number)).get("Level") is None


def test_the_name_of_an_event_is_kept_beside_a_text():
    """In the dynamic column, by the quick way."""
    row = build_otel_row(otel_record("text", event_name="order.paid"))

    assert (row["Message"], row["Properties"]) == ("text", {"otel.event.name": "order.paid"})


def test_a_qualified_name_is_that_of_an_attribute():
    """Also where a field of ours has the name."""
    columns = {"Aa": "record.host", "Bb": "attributes.message", "Cc": "record.body"}
    attributes = {"host": "h", "message": "m", "body": "b"}
    row = build_otel_row(otel_record("text", attributes=attributes), columns)

    assert (row["Aa"], row["Bb"], row["Cc"], row["Message"]) == ("h", "m", "b", "text")
    assert row.get("Properties") is None


@pytest.mark.parametrize("timestamp", [None, 0])
def test_a_record_without_a_time_has_that_of_its_observation(timestamp):
    """The API leaves it out, and always notes when it was seen."""
    row = build_otel_row(otel_record(timestamp=timestamp))

    assert row["TimeGenerated"] == "2023-11-14T22:13:21.250000Z"


@pytest.mark.parametrize(
    ("attributes", "exception"),
    [
        ({"exception.stacktrace": "Traceback\nValueError: x\n", "exception.type": "ValueError"},
         "Traceback\nValueError: x"),
        ({"exception.type": "ValueError", "exception.message": "x"}, "ValueError: x"),
        ({"exception.message": "x"}, "x"), ({}, None),
    ],
)  # fmt: skip
def test_the_exception_is_that_of_the_attributes(attributes, exception):
    """As the handler writes it; and the attributes are not repeated."""
    row = build_otel_row(otel_record(attributes=attributes))

    assert (row.get("Exception"), row.get("Properties")) == (exception, None)


def test_an_exception_object_tells_its_traceback():
    """A processor before ours may have taken the attributes away."""
    record = otel_record()
    try:
        raise ValueError("boom")
    except ValueError as error:
        record.log_record.exception = error
    row = build_otel_row(record)

    assert row["Exception"].startswith("Traceback")
    assert row["Exception"].endswith("ValueError: boom")


def test_attributes_of_the_conventions_fill_the_columns_of_place_and_thread():
    """Of today's names and of older ones."""
    new = {"code.function.name": "f", "code.line.number": 7, "thread.name": "T", "code.file.path": "p"}
    old = {"code.function": "f", "code.lineno": 7, "thread.name": "T"}

    for attributes in (new, old):
        row = build_otel_row(otel_record(attributes=attributes), {"Path": "pathname"})
        assert (row["Function"], row["Line"], row["Thread"]) == ("f", 7, "T")
        assert "Properties" not in row
    assert build_otel_row(otel_record(attributes=new), {"Path": "pathname"})["Path"] == "p"


def test_without_a_span_the_ids_are_those_of_the_attributes():
    """As they are those of the extras in the handler's rows."""
    row = build_otel_row(otel_record(attributes={"trace_id": "mine", "span_id": "too"}))

    assert (row["TraceId"], row["SpanId"]) == ("mine", "too")
    assert "Properties" not in row


def test_the_host_is_that_of_the_resource_if_it_tells():
    """Else this machine's."""
    row = build_otel_row(otel_record(resource=Resource({"host.name": "box"})))

    assert row["Host"] == "box"


def test_a_rule_says_which_columns_there_are():
    """Default fields, the field of the same name, and snake_case."""
    columns = [("TimeGenerated", "datetime"), ("ServiceName", "string"), ("SeverityNumber", "int"),
               ("OrderId", "long"), ("Resource", "string")]  # fmt: skip
    declared = {"columns": [{"name": name, "type": kind} for name, kind in columns]}
    flows = [{"streams": ["Custom-A"], "outputStream": "Custom-A_CL"}]
    rule = {"streamDeclarations": {"Custom-A": declared}, "dataFlows": flows}
    record = otel_record(severity_number=SeverityNumber.INFO, attributes={"order_id": 5, "other": 1})

    assert build_otel_row(record, rule=rule) == {
        "TimeGenerated": "2023-11-14T22:13:20.250000Z", "ServiceName": "shop", "SeverityNumber": 9,
        "OrderId": 5, "Resource": '{"service.name":"shop","service.instance.id":"i-1","zones":["a","b"]}',
    }  # fmt: skip


def test_a_record_without_scope_resource_and_attributes_makes_a_row():
    """Each may be missing."""
    row = build_otel_row(otel_record(scope=None, resource=None))

    assert row["Message"] == "message"
    assert not {"Logger", "ServiceName", "Resource", "Properties"} & row.keys()


def test_secrets_are_taken_out():
    """Of message, attributes and resource."""
    record = otel_record(
        "Authorization: Bearer abcdefghijklmnop", attributes={"db.password": "hunter2"},
        resource=Resource({"api_key": "hunter2", "service.name": "shop"}),
    )  # fmt: skip
    row = build_otel_row(record, redact=make_redactor(True))

    assert "abcdefghijklmnop" not in str(row)
    assert "hunter2" not in str(row)
    assert row["ServiceName"] == "shop"


def test_misfits_are_kept_as_text_and_counted():
    """As for the handler."""
    counts = Counts()
    columns = {"Amount": {"field": "amount", "type": "real"}}
    row = build_otel_row(otel_record(attributes={"amount": "much"}), columns, count=counts)

    assert row["Properties"] == {"amount": "much"}
    assert counts == {"misfits": 1}


def test_a_hostile_value_costs_at_most_its_own_column():
    """As body, attribute, attribute of the resource, severity and event name: the row arrives, and parses."""
    build = compile_otel_builder(otel_columns({"Value": "value"}), count=Counts())
    for value in hostile.CATALOGUE:
        for record in (
            otel_record(value),
            otel_record(attributes={"value": value}),
            otel_record(attributes={"other": value}),
            otel_record(event_name=value),
            otel_record(severity_text=value),
            otel_record(severity_number=value),
            otel_record(timestamp=value),
        ):
            row = parse(build(record))
            assert row["ServiceName"] == "shop"
            assert "could not be built" not in str(row)


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
    | st.lists(st.integers() | st.text(max_size=2), max_size=3)
    | st.dictionaries(st.text(max_size=2), st.integers() | st.none(), max_size=3)
    | st.integers(0, len(hostile.CATALOGUE) - 1).map(lambda number: hostile.CATALOGUE[number])
)  # fmt: skip
FIELDS = (
    "a", "b", "attributes.a", "record.a", "context.a", "scope.name", "scope.version", "resource.service.name",
    "resource", "body", "event_name", "severity_number", "severity_text", "levelno", "trace_flags", "created",
    "timestamp", "exception", "lineno", "threadName", "host", "process", "name", "record.lineno",
)  # fmt: skip
KINDS = ("string", "int", "long", "real", "boolean", "datetime", "dynamic")
column_sets = st.fixed_dictionaries(
    {},
    optional={
        "Message": st.none(),
        "Exception": st.none(),
        "Properties": st.none() | st.just({"type": "string"}),
        "Ca": st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "type": st.sampled_from(KINDS)}),
        "Cb": st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "type": st.sampled_from(KINDS)}),
    },
)
records = st.builds(
    otel_record,
    st.text(max_size=5) | values,
    timestamp=st.sampled_from([NOON, None, 0]) | values,
    severity_text=st.sampled_from(["INFO", "WARN", None]) | values,
    severity_number=st.sampled_from([*SeverityNumber, None]),
    event_name=st.sampled_from([None, None, "event", ""]),
    attributes=st.none() | st.dictionaries(
        st.sampled_from(["a", "b", "body", "trace_id", "exception.type", "exception.stacktrace",
        "thread.name",
                         "code.line.number", "code.lineno", "otel.event.name"]),
        values,
        max_size=5,
    ),
    context=st.sampled_from([None, in_span()]),
)  # fmt: skip


@given(record=records, columns=column_sets)
def test_both_builders_make_the_same_row(record, columns):
    """Same JSON value, and the quick one counts what the careful one counts."""
    mapped = [column for column in otel_columns(columns) if not STAMPED.intersection(column.fields)]
    quick_counts, careful_counts = Counts(), Counts()
    quick = compile_otel_builder(mapped, count=quick_counts)(record)
    careful = CarefulBuilder(
        mapped, count=careful_counts, redact=None, formatter=None, source=OtelSource(mapped)
    ).build(record)

    assert json.dumps(parse(quick), sort_keys=True) == json.dumps(parse(careful), sort_keys=True)
    assert quick_counts == careful_counts


def test_a_body_that_is_too_large_is_cut_once_by_both_builders():
    """Cut twice, it would say of what was cut first that one value more is missing."""
    mapped = [column for column in otel_columns() if not STAMPED.intersection(column.fields)]
    record = otel_record([[1] * 200] * 60)
    source = OtelSource(mapped)
    careful = CarefulBuilder(mapped, count=Counts(), redact=None, formatter=None, source=source).build(record)
    quick = compile_otel_builder(mapped, count=Counts())(record)

    assert parse(quick)["Properties"]["body"][-1] == parse(careful)["Properties"]["body"][-1] == "[10 more]"


def test_the_plain_record_takes_the_quick_way():
    """The comparison would be worth nothing if both were the careful builder."""
    calls = []
    build = compile_otel_builder(otel_columns(), count=Counts())
    record = otel_record(attributes={"a": "b", "n": [1]}, severity_text="INFO", context=in_span())
    build(record)
    sys.setprofile(
        lambda frame, event, _: calls.append(frame.f_code.co_filename) if event == "call" else None
    )
    try:
        build(record)
    finally:
        sys.setprofile(None)
    assert not [name for name in calls if name.endswith("_careful.py")]


def test_a_preset_takes_an_opentelemetry_record():
    """The same words for its severity; who speaks is the service, and not the program's file."""
    record = otel_record(
        "paid", severity_number=SeverityNumber.WARN, attributes={"amount": 12.5}, context=in_span()
    )

    syslog = build_otel_row(record, "syslog")
    assert (syslog["SeverityLevel"], syslog["SyslogMessage"], syslog["Computer"]) == (
        "warning",
        "paid",
        _fields.HOST,
    )
    assert json.loads(syslog["Properties"]) == {"amount": 12.5}
    assert build_otel_row(record, "otellogs") == {
        "TimeGenerated": "2023-11-14T22:13:20.250000Z", "Body": "paid", "SeverityText": "WARNING",
        "SeverityNumber": 13, "ScopeName": "app", "ScopeVersion": "1.2", "TraceId": f"{0xABC:032x}",
        "SpanId": f"{0xDEF:016x}", "ServiceName": "shop", "ServiceInstanceId": "i-1",
        "Attributes": {"amount": 12.5}, "DroppedAttributesCount": 0,
        "ResourceAttributes": {"service.name": "shop", "service.instance.id": "i-1", "zones": ["a", "b"]},
    }  # fmt: skip
