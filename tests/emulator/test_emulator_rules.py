"""A rule is taken in every shape in which people have it, and refused with its mistake named."""

import json
import re

import pytest

from dcrlog.emulator import Emulator
from dcrlog.errors import ConfigError
from dcrlog.rules import Rule
from dcrlog.tables import azure_tables

RULE_ID = "dcr-0123456789abcdef0123456789abcdef"


def rule(columns=(("TimeGenerated", "datetime"), ("Text", "string")), flows=None, **streams):
    declared = {"Custom-Text": columns, **{f"Custom-{name}": listed for name, listed in streams.items()}}
    return {
        "immutableId": RULE_ID,
        "streamDeclarations": {
            name: {"columns": [{"name": column, "type": kind} for column, kind in listed]}
            for name, listed in declared.items()
        },
        "dataFlows": flows or [flow("Text", "Custom-Text_CL")],
    }


def flow(stream, output, **more):
    return {"streams": [f"Custom-{stream}"], "destinations": ["ws"], "outputStream": output, **more}


@pytest.mark.parametrize(
    "shape",
    [
        lambda found: found,
        lambda found: {"location": "eastus", "kind": "Direct", "properties": found},
        lambda found: {
            "resources": [{"type": "Microsoft.Insights/dataCollectionRules", "properties": found}]
        },
        Rule.parse,
    ],
    ids=["properties", "resource", "template", "Rule"],
)
def test_a_rule_may_have_any_shape(shape):
    """Bare properties, a resource, a template and a parsed rule all serve."""
    emulator = Emulator(shape(rule()))

    assert emulator.rule_id == RULE_ID


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_a_rule_may_be_a_file(tmp_path, kind):
    """A path as text or as `Path` is read."""
    path = tmp_path / "dcr.json"
    path.write_text(json.dumps(rule()))

    assert Emulator(kind(path)).rule_id == RULE_ID


def test_the_default_rule_is_that_of_the_front_ends(emulator, post):
    """Without a rule there is the stream Custom-AppLogs with its eighteen columns."""
    post(emulator, [{}])
    (row,) = emulator.rows("AppLogs_CL")

    assert " ".join(row) == (
        "TimeGenerated Level Logger Message Exception TraceId SpanId Host Process Thread Function Line "
        "Properties ServiceName ServiceInstance Resource InstanceId Seq"
    )


def test_a_rule_without_an_id_gets_one_that_follows_from_its_streams():
    """The id is the same in every run, and another one for other streams."""
    without = {name: value for name, value in rule().items() if name != "immutableId"}
    other = {name: value for name, value in rule(Other=[("Some", "int")]).items() if name != "immutableId"}

    assert Emulator(without).rule_id == Emulator(without).rule_id
    assert re.fullmatch(r"dcr-[0-9a-f]{32}", Emulator(without).rule_id)
    assert len({Emulator(without).rule_id, Emulator(other).rule_id, Emulator().rule_id}) == 3


@pytest.mark.parametrize("text", [None, "", "source", " source "])
def test_a_transformation_that_does_nothing_is_taken(post, text):
    """No text, or `source`, passes rows unchanged."""
    with Emulator(rule(flows=[flow("Text", "Custom-Text_CL", transformKql=text)])) as emulator:
        post(emulator, [{"Text": "unchanged"}], stream="Custom-Text")

        assert [row["Text"] for row in emulator.rows("Text_CL")] == ["unchanged"]


def test_a_stream_may_fill_several_tables(post):
    """Each flow of a stream stores every row."""
    flows = [flow("Text", "Custom-One_CL"), flow("Text", "Custom-Two_CL")]
    with Emulator(rule(flows=flows)) as emulator:
        post(emulator, [{"Text": "both"}], stream="Custom-Text")

        assert [row["Text"] for table in ("One_CL", "Two_CL") for row in emulator.rows(table)] == ["both"] * 2
        assert emulator.requests()[-1]["rows_stored"] == 2


def test_several_streams_may_fill_one_table(post):
    """The table has the columns of all its streams, null where a row has none."""
    flows = [flow("Text", "Custom-All_CL"), flow("Number", "Custom-All_CL")]
    with Emulator(rule(flows=flows, Number=[("Number", "long")])) as emulator:
        post(emulator, [{"Text": "a"}], stream="Custom-Text")
        post(emulator, [{"Number": 1}], stream="Custom-Number")

        rows = [(row["Text"], row["Number"]) for row in emulator.rows("All_CL")]
        assert rows == [("a", None), (None, 1)]


def test_a_table_always_has_a_time(post):
    """A stream that declares no TimeGenerated gets the time of receipt, also where a row tries to set it."""
    with Emulator(rule(columns=[("Text", "string")])) as emulator:
        post(emulator, [{"Text": "a", "TimeGenerated": "2001-01-01"}], stream="Custom-Text")
        (row,) = emulator.rows("Text_CL")

        assert row["TimeGenerated"] > "2026"


def test_a_stream_that_no_flow_takes_accepts_and_warns(post):
    """Rows to nowhere are answered 204, as they are by Azure, and the log says so."""
    with Emulator(rule(Loose=[("Text", "string")])) as emulator:
        assert post(emulator, [{"Text": "lost"}], stream="Custom-Loose").status_code == 204
        assert "nothing was stored" in emulator.requests()[-1]["warning"]


def test_an_azure_table_takes_its_own_columns_only(post):
    """A column that the Azure table lacks is accepted and not stored; one ending in _CF is a custom one."""
    columns = [("Computer", "string"), ("Unknown", "string"), ("Mine_CF", "string")]
    with Emulator(rule(columns=columns, flows=[flow("Text", "Microsoft-Syslog")])) as emulator:
        row = {name: name.lower() for name, _ in columns}
        post(emulator, [row], stream="Custom-Text")
        (stored,) = emulator.rows("Syslog")

        del stored["TimeGenerated"]
        assert {name: value for name, value in stored.items() if value is not None} == {
            "Computer": "computer",
            "Mine_CF": "mine_cf",
        }
        assert {*azure_tables()["Syslog"], "Mine_CF"} == {*stored, "TimeGenerated"}
        assert emulator.requests()[-1]["columns_dropped"] == 1


def test_columns_that_differ_in_case_are_two(post):
    """Azure's column names are case-sensitive, SQLite's are not; rows come back with both."""
    with Emulator(rule(columns=[("eventType", "string"), ("EventType", "int")])) as emulator:
        post(emulator, [{"eventType": "low", "EventType": 7}], stream="Custom-Text")
        (row,) = emulator.rows("Text_CL")

        assert (row["eventType"], row["EventType"]) == ("low", 7)


def test_every_column_type_comes_back_as_its_own(post):
    """Booleans are booleans again, dynamic values Python values, datetimes text without idle zeros."""
    kinds = ["string", "int", "long", "real", "boolean", "dynamic", "datetime"]
    row = {
        "a_string": "s",
        "a_int": 1,
        "a_long": 2,
        "a_real": 0.1,
        "a_boolean": True,
        "a_dynamic": ["x"],
        "a_datetime": "2001-02-03T04:05:06.70Z",
    }
    with Emulator(rule(columns=[(f"a_{kind}", kind) for kind in kinds])) as emulator:
        post(emulator, [row], stream="Custom-Text")
        (stored,) = emulator.rows("Text_CL")

        del stored["TimeGenerated"]
        assert stored == row | {"a_datetime": "2001-02-03T04:05:06.7Z"}
        assert stored["a_boolean"] is True


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "not a data collection rule"),
        ({"streamDeclarations": {}, "dataFlows": []}, "streamDeclarations"),
        (
            rule(columns=[("TimeGenerated", "string")]),
            r"TimeGenerated \[produced:'String', output:'DateTime'\]",
        ),
        (
            rule(columns=[("Computer", "int")], flows=[flow("Text", "Microsoft-Syslog")]),
            r"Computer \[produced:'Int', output:'String'\]",
        ),
        (
            rule(
                flows=[flow("Text", "Custom-All_CL"), flow("Number", "Custom-All_CL")],
                Number=[("Text", "int")],
            ),
            r"InvalidTransformOutput: .* Text \[produced:'Int', output:'String'\] \(.*dataFlows\[1\]\)",
        ),
        (
            rule(flows=[flow("Text", "Custom-All_CL"), flow("Text", "Custom-ALL_CL")]),
            "'All_CL' and 'ALL_CL' differ only in case",
        ),
        (rule(flows=[flow("Text", "Custom-sqlite_CL")]), "SQLite's own"),
        ("/nowhere/dcr.json", "'/nowhere/dcr.json' cannot be read: No such file"),
    ],
)
def test_a_wrong_rule_is_refused_at_load(wrong, message):
    """A mistake in the rule shows when the emulator is made, with its place."""
    with pytest.raises(ConfigError, match=message):
        Emulator(wrong)


def test_a_file_with_a_mistake_is_named(tmp_path):
    """As everywhere else, in the words of the handler."""
    path = tmp_path / "dcr.json"
    path.write_text("{")

    with pytest.raises(ConfigError, match=re.escape(f"rule file {str(path)!r}: the rule is not valid JSON")):
        Emulator(path)


def test_remarks_of_the_rule_are_kept():
    """What Azure accepts but is probably not meant can be shown to the author."""
    (remark,) = Emulator(rule(Loose=[("Text", "string")])).remarks

    assert "no data flow takes it" in remark


@pytest.mark.parametrize("wrong", [{"mode": "loose"}, {"max_rows": 0}])
def test_a_wrong_option_is_refused(wrong):
    """The message names the option and its value."""
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be .* got "):
        Emulator(**wrong)
