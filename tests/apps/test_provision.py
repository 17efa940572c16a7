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
    assert "at which they arrive" not in provision.stderr
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


def test_columns_that_a_transformation_makes_are_somebodys_to_add(provision, tmp_path):
    """The table is made of those of the stream; and one that is named for its table is not named so twice."""
    flow = {**RULE["dataFlows"][0], "transformKql": "source | extend Length = strlen(Message)"}
    (tmp_path / "rule.json").write_text(json.dumps(RULE | {"dataFlows": [flow]}))
    provision("--rule", "rule.json")
    assert "add those that only the transformation makes" in provision.stderr

    assert Rule.parse(json.loads(provision("--stream", "Custom-Web_CL"))).flows[0].table == "Web_CL"


def test_a_sample_may_begin_with_a_byte_order_mark(provision, tmp_path):
    """As Windows writes it."""
    (tmp_path / "sample.json").write_bytes(b'\xef\xbb\xbf{"Amount": 1}')
    template = json.loads(provision("--sample", "sample.json"))

    assert "Amount" in Rule.parse(template).stream("Custom-Samples").types
