"""Tables exist, or a rule that asks for them is refused as Azure refuses it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from dcrlog.emulator import Emulator
from dcrlog.emulator.tables import azure_table, load_table
from dcrlog.errors import ConfigError
from dcrlog.schema import MAX_NAME_LENGTH
from dcrlog.tables import azure_tables

TIME = {"name": "TimeGenerated", "type": "dateTime"}
COLUMNS = [TIME, {"name": "Text", "type": "string"}]


def rule(output="Custom-Text_CL", columns=(("Text", "string"),)):
    listed = [{"name": name, "type": kind} for name, kind in columns]
    return {
        "streamDeclarations": {"Custom-Text": {"columns": listed}},
        "dataFlows": [{"streams": ["Custom-Text"], "destinations": ["ws"], "outputStream": output}],
    }


@pytest.mark.parametrize(
    "shape",
    [
        COLUMNS,
        {"TimeGenerated": "datetime", "Text": "string"},
        {"columns": COLUMNS},
        {"properties": {"plan": "Basic", "schema": {"name": "Text_CL", "columns": COLUMNS}}},
        {
            "properties": {
                "schema": {
                    "standardColumns": [{"name": "TenantId", "type": "guid"}, TIME],
                    "columns": COLUMNS[1:],
                }
            }
        },
    ],
    ids=["list", "types by name", "columns", "Tables API", "with standard columns"],
)
def test_a_table_is_declared_in_any_shape(tmp_path, post, shape):
    """As a file or a document; then its columns are those of the table, whatever the stream has."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(shape))
    for source in (path, shape):
        with Emulator(
            rule(columns=[("Text", "string"), ("More", "int")]), tables={"Text_CL": source}
        ) as emulator:
            post(emulator, [{"Text": "kept", "More": 1}], stream="Custom-Text")
            (row,) = emulator.rows("Text_CL")

            assert (set(row), row["Text"]) == ({"TimeGenerated", "Text"}, "kept")
            assert [(drop["reason"], drop["field"]) for drop in emulator.drops()] == [("lacking", "More")]
            assert "the table Text_CL has no such column" in emulator.remarks[0]


def test_a_missing_table_is_refused_in_azures_words():
    """Once tables are declared, a rule must not ask for others."""
    with pytest.raises(ConfigError) as refused:
        Emulator(rule("Custom-Other_CL"), tables={"Text_CL": COLUMNS})

    assert str(refused.value) == (
        "InvalidOutputTable: Table for output stream 'Custom-Other_CL' is not available for destination "
        "'ws'. (properties.dataFlows[0])"
    )


@pytest.mark.parametrize("options", [{"create_tables": True}, {"mode": "lenient"}])
def test_missing_tables_can_be_made_all_the_same(post, options):
    """Where told so, and in lenient mode, a table that nobody declared is made from the stream."""
    with Emulator(rule("Custom-Other_CL"), tables={"Text_CL": COLUMNS}, **options) as emulator:
        post(emulator, [{"Text": "made"}], stream="Custom-Text")
        assert [row["Text"] for row in emulator.rows("Other_CL")] == ["made"]
        assert emulator.rows("Text_CL") == []


def test_a_bare_rule_needs_no_tables_unless_told_otherwise():
    """`create_tables=False` is a workspace without custom tables."""
    with pytest.raises(ConfigError, match="InvalidOutputTable"):
        Emulator(rule(), create_tables=False)


def test_a_declared_table_leaves_the_default_rule_its_own(post):
    """Whoever declares a table for a rule that comes later need not declare that of the default rule."""
    with Emulator(tables={"Text_CL": COLUMNS}) as emulator:
        assert post(emulator, [{}]).status_code == 204
        emulator.put_rule(rule(), "dcr-later")
        assert emulator.rows("Text_CL") == []
    with pytest.raises(ConfigError, match="InvalidOutputTable"):
        Emulator(tables={"Text_CL": COLUMNS}, create_tables=False)


def test_a_column_of_another_type_is_refused_in_azures_words():
    """Each column that does not fit is named with both types."""
    columns = [("Text", "int"), ("Count", "long")]
    table = [*COLUMNS, {"name": "Count", "type": "int"}]
    with pytest.raises(ConfigError) as refused:
        Emulator(rule(columns=columns), tables={"Text_CL": table})

    assert str(refused.value) == (
        "InvalidTransformOutput: Types of transform output columns do not match the ones defined by the "
        "output stream: Text [produced:'Int', output:'String'], Count [produced:'Long', output:'Int'] "
        "(properties.dataFlows[0])"
    )


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("Text", COLUMNS, "ends in '_CL'"),
        ("_CL", COLUMNS, "ends in '_CL'"),
        ("9_CL", COLUMNS, "must start with a letter"),
        ("A-B_CL", COLUMNS, "must start with a letter"),
        ("sqlite_CL", COLUMNS, "SQLite's own"),
        ("Heartbeat", COLUMNS, "takes no Azure table of this name"),
        ("Text_CL", [], "no columns"),
        ("Text_CL", {"plan": "Free", "columns": COLUMNS}, "plan must be one of"),
        ("Text_CL", COLUMNS[1:], "needs a column TimeGenerated of type datetime; this one has none"),
        ("Text_CL", [{"name": "TimeGenerated", "type": "string"}], "this one has it as string"),
        ("Text_CL", [TIME, {"name": "Type", "type": "string"}], "'Type' is reserved"),
        ("Text_CL", [TIME, {"name": "a.b", "type": "string"}], "must start with a letter"),
        ("Text_CL", [TIME, {"name": "x" * (MAX_NAME_LENGTH + 1), "type": "string"}], "46 characters"),
        ("Text_CL", [TIME, {"name": "Text", "type": "text"}], "'text' is not a column type"),
        ("Text_CL", [TIME, TIME], "declared twice"),
        ("Text_CL", [TIME, *({"name": f"c{n}", "type": "int"} for n in range(500))], "Azure takes 500"),
        ("Text_CL", [TIME, "Text"], 'must be an object with "name" and "type"'),
        ("Syslog", [{"name": "Mine", "type": "string"}], "must end in '_CF'"),
        ("Text_CL", "/nowhere/schema.json", "cannot be read: No such file"),
    ],
)
def test_a_table_that_azure_would_not_create_is_refused(name, source, message):
    """The message names the table, and what is wrong with it."""
    with pytest.raises(ConfigError, match=f"table .*{name}.*{message}"):
        Emulator(rule(), tables={name: source})


def test_a_schema_that_is_no_json_is_refused(tmp_path):
    """The message names the file."""
    path = tmp_path / "schema.json"
    path.write_text("{")

    with pytest.raises(ConfigError, match=r"table 'Text_CL', .*schema\.json: not valid JSON"):
        load_table("Text_CL", path)


def test_an_azure_table_may_get_columns_of_ones_own():
    """Its own columns need not be repeated."""
    table = load_table("Syslog", [{"name": "Mine_CF", "type": "int"}])

    assert set(table.types) == {*azure_tables()["Syslog"], "Mine_CF"}


@pytest.mark.parametrize("name", ["CommonSecurityLog", "SecurityEvent", "Syslog", "WindowsEvent", "OTelLogs"])
def test_azure_tables_are_there_with_their_columns(post, name):
    """The four of the first documentation and that of OpenTelemetry, with a typed column each."""
    columns = [
        (column, "string" if kind == "guid" else kind) for column, kind in azure_tables()[name].items()
    ]
    with Emulator(rule(f"Microsoft-{name}", columns)) as emulator:
        post(emulator, [{"TimeGenerated": None}], stream="Custom-Text")
        (row,) = emulator.rows(name)

        assert set(row) == {*azure_tables()[name], "TimeGenerated"}


def test_the_other_azure_tables_take_what_the_stream_has(post):
    """There are 104; those whose columns are not listed get them from the stream."""
    assert len(azure_tables()) == 104
    assert azure_table("AWSCloudTrail").is_open
    with Emulator(rule("Microsoft-AWSCloudTrail")) as emulator:
        post(emulator, [{"Text": "any"}], stream="Custom-Text")

        assert [row["Text"] for row in emulator.rows("AWSCloudTrail")] == ["any"]


AUXILIARY = {"plan": "Auxiliary", "columns": [*COLUMNS, {"name": "Any", "type": "dynamic"}]}


def test_an_auxiliary_table_refuses_nested_values(post):
    """Only a dynamic column takes them."""
    columns = [("Text", "string"), ("Any", "dynamic")]
    with Emulator(rule(columns=columns), tables={"Text_CL": AUXILIARY}) as emulator:
        taken = post(emulator, [{"Any": {"a": 1}}], stream="Custom-Text")
        refused = post(emulator, [{"Text": {"a": 1}}], stream="Custom-Text")

        assert (taken.status_code, refused.status_code) == (204, 400)
        assert refused.json()["error"]["code"] == "MalformedJson"
        assert emulator.count("Text_CL") == 1


def test_an_auxiliary_table_refuses_a_long_span_of_time(post):
    """The times of one request lie within half an hour."""
    now = datetime.now(UTC)
    with Emulator(rule(columns=[("TimeGenerated", "datetime")]), tables={"Text_CL": AUXILIARY}) as emulator:

        def send(minutes):
            moments = (now, now - timedelta(minutes=minutes))
            rows = [{"TimeGenerated": moment.isoformat()} for moment in moments]
            return post(emulator, rows, stream="Custom-Text")

        refused = send(31)
        assert (send(29).status_code, refused.status_code) == (204, 400)
        assert refused.json()["error"]["code"] == "RecordsTimeRangeIsMoreThan30Minutes"


def test_an_auxiliary_table_keeps_one_of_two_names_that_differ_in_case(post):
    """The first; the other is dropped, and counted."""
    table = {"plan": "Auxiliary", "columns": [*COLUMNS, {"name": "text", "type": "string"}]}
    columns = [("Text", "string"), ("text", "string")]
    with Emulator(rule(columns=columns), tables={"Text_CL": table}) as emulator:
        post(emulator, [{"Text": "a", "text": "b"}], stream="Custom-Text")
        (row,) = emulator.rows("Text_CL")

        assert (row["Text"], row["text"]) == ("a", None)
        assert [(drop["reason"], drop["field"]) for drop in emulator.drops()] == [("lacking", "text")]


def test_an_auxiliary_table_always_keeps_its_time(post):
    """Whatever else is called so in another case, and comes first."""
    columns = [("timegenerated", "datetime"), ("TimeGenerated", "datetime")]
    table = {"plan": "Auxiliary", "columns": [{"name": name, "type": kind} for name, kind in columns]}
    with Emulator(rule(columns=columns), tables={"Text_CL": table}) as emulator:
        post(emulator, [{"timegenerated": "2001-01-01"}], stream="Custom-Text")
        (row,) = emulator.rows("Text_CL")

        assert row["timegenerated"] is None
        assert row["TimeGenerated"] > "2026"
