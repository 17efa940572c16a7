"""`dcrlog provision`: what it writes loads in the emulator, which then takes the handler's rows."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dcrlog import Rule
from dcrlog._mapping import DEFAULTS
from dcrlog._presets import PRESETS
from dcrlog.cli import make_app
from dcrlog.emulator import Emulator
from provisioned import COLUMNS, RULE, check_template, row_of


@pytest.mark.parametrize("kind", ["direct", "dce"])
def test_the_default_template_takes_the_rows_of_the_default_handler(provision, kind):
    """Its columns are the handler's own, in their order."""
    template = json.loads(provision("--kind", kind))

    assert [column.name for column in Rule.parse(template).stream("Custom-AppLogs")] == [
        name for name, *_ in DEFAULTS
    ]
    row = row_of(template, tenant="contoso")
    assert (row["Message"], row["Properties"], row["Seq"]) == (
        "stock is low: 3 left",
        {"tenant": "contoso"},
        1,
    )
    check_template(template, kind)


def test_columns_of_ones_own_are_in_stream_and_table(provision):
    """As the handler's columns= says them."""
    template = json.loads(provision("--columns", "columns.json", "--stream", "Custom-Shop"))

    row = row_of(template, COLUMNS, tenant_id="contoso", amount=12.5)
    assert (row["Tenant"], row["Amount"], "Line" in row) == ("contoso", 12.5, False)
    table = template["resources"][0]["properties"]["schema"]
    assert table["name"] == "Shop_CL"
    assert {"name": "TimeGenerated", "type": "dateTime"} in table["columns"]
    check_template(template, "direct")


def test_sample_rows_say_the_columns(provision):
    """And dcrlog send carries the same rows into the table that was made for them."""
    template = json.loads(provision("--sample", "sample.json", "--stream", "Custom-Took"))

    assert "--time Time takes it from there" in provision.stderr
    types = {name: str(kind) for name, kind in Rule.parse(template).stream("Custom-Took").types.items()}
    assert types == {
        "TimeGenerated": "datetime", "Time": "datetime", "User": "string", "Took": "real", "Tags": "dynamic",
    }  # fmt: skip
    with Emulator(template) as emulator, pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        done = CliRunner().invoke(make_app(), ["send", "sample.json"])
        rows = emulator.rows("Took_CL")
    assert (done.exit_code, [row["Took"] for row in rows], rows[0]["Tags"]) == (0, [1.0, 2.5], {"a": 1})


def test_a_column_of_the_sample_can_say_the_time(provision):
    """The rule's transformation takes it from there."""
    template = json.loads(provision("--sample", "sample.json", "--time", "Time"))

    (flow,) = Rule.parse(template).flows
    assert (flow.table, flow.transformation) == ("Samples_CL", "source | extend TimeGenerated = Time")
    assert "TimeGenerated" not in Rule.parse(template).stream("Custom-Samples").types
    assert template["resources"][0]["properties"]["schema"]["columns"][0]["name"] == "TimeGenerated"


def test_a_rule_that_there_is_already_gets_its_table(provision):
    """From the stream's columns."""
    template = json.loads(provision("--rule", "rule.json"))

    assert template["resources"][0]["name"] == "[concat(parameters('workspaceName'), '/Web_CL')]"
    assert row_of(template)["Message"] == "stock is low: 3 left"


@pytest.mark.parametrize("kind", ["direct", "dce"])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_template_of_a_preset_takes_the_rows_of_its_handler(provision, preset, kind):
    """Whichever way its endpoint comes, and nothing of a row is dropped on the way."""
    template = json.loads(provision("--preset", preset, "--kind", kind))

    row = row_of(template, preset, order=17)
    assert any("stock is low: 3 left" in str(value) for value in row.values())
    assert (template["resources"][0]["type"].rpartition("/")[2] == "dataCollectionEndpoints") == (
        kind == "dce"
    )


@pytest.mark.parametrize("form", ["arm", "terraform", "az"])
def test_the_same_command_writes_the_same_file(tmp_path, form):
    """In another process too, so that a repository has no change where there is none."""
    command = [sys.executable, "-m", "dcrlog", "provision", "--format", form, "--kind", "dce"]
    first, second = (
        subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True, timeout=60
        ).stdout
        for seed in ("1", "2")
    )

    assert first == second


def test_a_long_table_has_a_rule_and_an_endpoint_with_names_that_azure_takes(provision):
    """44 characters at most, and no hyphen at their end."""
    table = "A" * 39 + "_rest_CL"
    template = json.loads(provision("--table", table, "--kind", "dce"))

    assert template["parameters"]["endpointName"]["defaultValue"] == "dce-" + "a" * 39


def test_a_file_with_a_blank_in_its_name_is_quoted_in_the_commands(provision):
    """They are for a shell."""
    provision("--output", "my rule.json")

    assert "--template-file 'my rule.json' " in provision.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--preset", "perf"), "there is none for 'perf', but for syslog, commonsecuritylog"),
        (("--preset", "request"), "'request' adds columns to a table of your own"),
        (("--preset", "Event"), "outputStream is 'Microsoft-Event', and give it as --rule"),
        (("--preset", "Shop_CL"), "For a table of your own give --table"),
        (("--preset", "syslog", "--table", "Shop_CL"), "Leave --table out"),
        (("--preset", "syslog", "--sample", "sample.json"), "give one of them"),
        (("--columns", "missing.json"), "cannot be read: No such file or directory"),
        (("--sample", "sample.json", "--time", "When"), "no column 'When'. They have: TimeGenerated, Time"),
        (("--sample", "sample.json", "--time", "User"), "is a string, not a datetime"),
        (("--table", "AppLogs"), "must end in '_CL'. For an Azure table use --preset"),
        (("--table", "x'y_CL"), "must start with a letter A-Z or a-z and go on with ASCII letters"),
        (("--stream", "AppLogs"), "did you mean 'Custom-AppLogs'?"),
        (("--stream", "Custom-a.b"), "table 'a.b_CL': the name must start with a letter"),
        (("--stream", "Microsoft-Syslog"), "must start with 'Custom-': a rule declares no others"),
        (("--time", "When"), "--time is a column of --sample"),
        (("--otel", "--sample", "sample.json"), "Leave --otel out"),
        (("--otel", "--rule", "rule.json"), "Leave --otel out"),
        (("--rule", "missing.json"), "rule file 'missing.json' cannot be read: No such file"),
        (("--output", "nowhere/rule.json"), "'nowhere/rule.json' cannot be written: No such file"),
    ],
)
def test_what_cannot_be_provisioned_is_told_in_one_line(provision, arguments, told):
    """With what to write instead."""
    provision(*arguments, status=1)
    output = CliRunner().invoke(make_app(), ["provision", *arguments]).output

    assert output.startswith("dcrlog provision: ")
    assert told in output


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("{", "the file 'columns.json' is not JSON"),
        ("[1]", "columns must map a column's name to a field"),
        ('{"Type": "kind"}', "'Type' is reserved"),
        ('{"TimeGenerated": null}', "no column TimeGenerated of type datetime"),
        (
            json.dumps({f"C{number}": "a" for number in range(600)}),
            "there are 615 columns; a table takes 500",
        ),
    ],
)
def test_columns_that_no_table_can_have_are_refused(provision, tmp_path, columns, told):
    """Before Azure does it."""
    (tmp_path / "columns.json").write_text(columns)
    provision("--columns", "columns.json", status=1)

    assert told in provision.stderr


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (b'{"aa": "\xff"}', "row 1 is not a JSON object: 'utf-8' codec can't decode byte 0xff"),
        (b'{"aa": 1}\n{"aa":', "row 2 is not a JSON object: Input data was truncated"),
        (b"[1]", "row 1 is not a JSON object: it is 1"),
        (
            b'{"aa": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
            "row 1 is not a JSON object: it is nested too deeply",
        ),
        (b'[{"aa": 1}', "cannot be read to its end: the array does not end"),
        (b"", "no row with a column"),
        (b"\x1f\x8bbroken", "cannot be read: "),
    ],
)
def test_a_sample_that_cannot_be_read_is_told_with_the_row_and_the_reason(provision, tmp_path, sample, told):
    """In one line."""
    (tmp_path / "sample.json").write_bytes(sample)
    provision("--sample", "sample.json", status=1)

    assert told in provision.stderr
    assert len(provision.stderr.splitlines()) == 1


def test_a_sample_may_begin_with_a_byte_order_mark(provision, tmp_path):
    """As Windows writes it."""
    (tmp_path / "sample.json").write_bytes(b'\xef\xbb\xbf{"Amount": 1}')
    template = json.loads(provision("--sample", "sample.json"))

    assert "Amount" in Rule.parse(template).stream("Custom-Samples").types


def test_a_column_of_the_time_counts_to_those_that_a_table_takes(provision, tmp_path):
    """500 columns, of which none is TimeGenerated, are one too many."""
    row = {f"C{number}": number for number in range(499)} | {"Time": "2026-11-23T21:01:54Z"}
    (tmp_path / "sample.json").write_text(json.dumps([row]))
    provision("--sample", "sample.json", "--time", "Time", status=1)

    assert "there are 501 columns" in provision.stderr


def test_a_rule_without_the_time_is_refused(provision, tmp_path):
    """Unless a transformation makes it."""
    rule = json.loads(json.dumps(RULE))
    rule["streamDeclarations"]["Custom-Web"]["columns"].pop(0)
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    provision("--rule", "rule.json", status=1)
    assert "no column TimeGenerated of type datetime" in provision.stderr

    rule["dataFlows"][0]["transformKql"] = "source | extend TimeGenerated = now()"
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    assert row_of(json.loads(provision("--rule", "rule.json")))["Message"] == "stock is low: 3 left"
