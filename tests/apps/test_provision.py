"""`dcrlog provision`: what it writes loads in the emulator, which then takes the handler's rows."""

import json
import os
import re
import subprocess

import hcl2
import pytest
from typer.testing import CliRunner

from dcrlog import LogsIngestionHandler, Rule
from dcrlog._mapping import DEFAULTS
from dcrlog.cli import make_app
from dcrlog.cli.provisioning.plan import ROLE
from dcrlog.emulator import Emulator
from pipelines import make_logger

COLUMNS = {"Tenant": "tenant_id", "Amount": {"field": "amount", "type": "real"}, "Line": None}
SAMPLE = [
    {"Time": "2026-11-23T21:01:54.1Z", "User": "alice", "Took": 1, "Tags": {"a": 1}},
    {"Time": "2026-11-23T21:01:55Z", "User": None, "Took": 2.5, "Tags": [1]},
]
RULE = {
    "streamDeclarations": {"Custom-Web": {"columns": [{"name": "TimeGenerated", "type": "datetime"},
                                                      {"name": "Message", "type": "string"}]}},
    "dataFlows": [{"streams": ["Custom-Web"], "destinations": ["x"], "outputStream": "Custom-Web_CL"}],
}  # fmt: skip


@pytest.fixture
def provision(tmp_path, monkeypatch):
    """The command, in a directory with files to work on; returns what it wrote."""
    for name, content in {"columns": COLUMNS, "sample": SAMPLE, "rule": RULE}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, status=0):
        done = CliRunner().invoke(make_app(), ["provision", *arguments])
        run.stderr = done.stderr
        assert done.exit_code == status, done.output
        return done.stdout

    return run


def row_of(template, columns=None, **extra):
    """Let a handler with this rule, or these columns, log into an emulator with the rule; return the row."""
    rule = Rule.parse(template)
    log = make_logger("provision")
    with Emulator(template) as emulator, pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        handler = LogsIngestionHandler(rule=None if columns else template, columns=columns)
        log.addHandler(handler)
        try:
            log.warning("stock is low: %d left", 3, extra=extra)
            assert handler.flush(30)
        finally:
            log.removeHandler(handler)
            handler.close()
        (row,) = emulator.rows(rule.flows[0].table)
        assert not any(entry["warning"] for entry in emulator.requests())
    return row


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
@pytest.mark.parametrize("what", [(), ("--preset", "syslog"), ("--sample", "sample.json", "--time", "Time")])
def test_terraform_says_the_same_as_the_template(provision, what, kind):
    """Read back by a parser, its bodies are those of the ARM resources."""
    parsed = hcl2.loads(provision("--format", "terraform", "--kind", kind, *what))
    template = json.loads(provision("--kind", kind, *what))

    made = {
        name: body for block in parsed["resource"] for named in block.values() for name, body in named.items()
    }
    made = {name.strip('"'): body for name, body in made.items()}
    of_arm = {each["type"].rpartition("/")[2]: each for each in template["resources"]}
    pairs = {"table": "tables", "endpoint": "dataCollectionEndpoints", "rule": "dataCollectionRules"}
    for name, kind_of in pairs.items():
        assert (name in made) == (kind_of in of_arm)
        if name in made:
            assert unquoted(made[name]["type"]).partition("@")[2] == of_arm[kind_of]["apiVersion"]
            body = unquoted(made[name]["body"])
            assert body["properties"] == same_but_expressions(
                of_arm[kind_of]["properties"], body["properties"]
            )
            assert body.get("kind") == of_arm[kind_of].get("kind")
    assert ROLE in made["sender"]["role_definition_id"]
    outputs = {name.strip('"') for block in parsed["output"] for name in block}
    assert outputs == {name.lower() for name in template["outputs"]}
    variables = {name.strip('"') for block in parsed["variable"] for name in block}
    assert variables == set(
        re.findall(r"var\.(\w+)", provision("--format", "terraform", "--kind", kind, *what))
    )


def unquoted(value):
    """Undo what the parser leaves of HCL's spelling."""
    if isinstance(value, dict):
        return {unquoted(key): unquoted(member) for key, member in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [unquoted(member) for member in value]
    if isinstance(value, str) and value.startswith('"'):
        return json.loads(value.replace("$${", "${"))
    return value


def same_but_expressions(wanted, found):
    """The wanted value, with what was found wherever it is an expression of ARM and one of Terraform."""
    if isinstance(wanted, dict):
        return {key: same_but_expressions(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list):
        return [same_but_expressions(value, each) for value, each in zip(wanted, found, strict=True)]
    is_expression = isinstance(wanted, str) and wanted.startswith("[")
    return found if is_expression and re.match(r"\$\{(data|azapi_resource)\.", str(found)) else wanted


AZ = """#!/bin/sh
echo "$@" >> calls
case "$*" in
*"method put"*) n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count
    for word in "$@"; do case $word in @*) cp "${word#@}" body$n ;; esac; done ;;
*provisioningState*) echo Succeeded ;;
*"account show"*) echo sub-1 ;;
*"--query location"*) echo westeurope ;;
*"--query id"*) echo /subscriptions/sub-1/ws ;;
*immutableId*) echo dcr-1 ;;
*ogsIngestion*) echo https://endpoint ;;
esac
"""


@pytest.mark.parametrize(("kind", "bodies"), [("direct", 2), ("dce", 3)])
def test_the_script_puts_the_same_bodies_and_ends_with_the_variables(provision, tmp_path, kind, bodies):
    """With a command line in the place of az that keeps what it gets."""
    script, az = tmp_path / "make.sh", tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text(AZ)
    az.chmod(0o755)
    provision("--format", "az", "--kind", kind, "--output", str(script))
    template = json.loads(provision("--kind", kind))
    environment = os.environ | {"PATH": f"{az.parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["sh", script.name, "group", "space", "object-1"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "DATA_COLLECTION_ENDPOINT=https://endpoint",
        "LOGS_DCR_RULE_ID=dcr-1",
        "LOGS_DCR_STREAM_NAME=Custom-AppLogs",
    ]
    table, *_, rule = (
        json.loads((tmp_path / f"body{number}").read_text()) for number in range(1, bodies + 1)
    )
    assert table["properties"] == template["resources"][0]["properties"]
    assert rule["location"] == "westeurope"
    assert (
        rule["properties"]["destinations"]["logAnalytics"][0]["workspaceResourceId"]
        == "/subscriptions/sub-1/ws"
    )
    assert row_of(rule)["Message"] == "stock is low: 3 left"
    assert f"role assignment create --role {ROLE}" in (tmp_path / "calls").read_text()


def test_a_transformation_survives_the_script(provision, tmp_path):
    """Quotes, backslashes and dollars are the shell's, too."""
    text = 'source | extend A = strcat("\\n$1`x`", @"\\d") | extend B = "$workspace"'
    rule = json.loads(json.dumps(RULE))
    rule["dataFlows"][0]["transformKql"] = text
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    script = provision("--rule", "rule.json", "--format", "az")
    heredoc = script[script.rindex("<<JSON") :].partition("\nJSON\n")[0]
    done = subprocess.run(
        ["sh", "-c", f"cat {heredoc}\nJSON\n"], capture_output=True, text=True, check=True,
        env=os.environ | {"workspace": "WS", "location": "L"},
    )  # fmt: skip

    body = json.loads(done.stdout)
    assert body["properties"]["dataFlows"][0]["transformKql"] == text
    assert body["properties"]["destinations"]["logAnalytics"][0]["workspaceResourceId"] == "WS"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--preset", "perf"), "is no preset. There are 'syslog', "),
        (("--preset", "syslog", "--sample", "sample.json"), "give one of them"),
        (("--columns", "missing.json"), "cannot be read: No such file or directory"),
        (("--sample", "sample.json", "--time", "When"), "no column 'When'. They have: TimeGenerated, Time"),
        (("--sample", "sample.json", "--time", "User"), "is a string, not a datetime"),
        (("--table", "AppLogs"), "must end in '_CL'. For an Azure table use --preset"),
        (("--stream", "AppLogs"), "did you mean 'Custom-AppLogs'?"),
    ],
)
def test_what_cannot_be_provisioned_is_told_in_one_line(provision, arguments, told):
    """With what to write instead."""
    provision(*arguments, status=1)
    output = CliRunner().invoke(make_app(), ["provision", *arguments]).output

    assert output.startswith("dcrlog provision: ")
    assert told in output


REQUIRED = {
    "Microsoft.OperationalInsights/workspaces/tables": set(),
    "Microsoft.Insights/dataCollectionEndpoints": {"location"},
    "Microsoft.Insights/dataCollectionRules": {"location"},
    "Microsoft.Authorization/roleAssignments": {"scope"},
}
"""What the published types of each resource require beyond type, apiVersion, name and properties."""
STREAM_TYPES = {"boolean", "datetime", "dynamic", "int", "long", "real", "string"}
TABLE_TYPES = {"boolean", "dateTime", "dynamic", "guid", "int", "long", "real", "string"}


def check_template(template, kind):
    """Check a template as Azure Resource Manager would, as far as the published schemas go."""
    assert template.keys() == {"$schema", "contentVersion", "metadata", "parameters", "resources", "outputs"}
    text = json.dumps({key: template[key] for key in ("resources", "outputs")})
    assert set(re.findall(r"parameters\('(\w+)'\)", text)) | {"location"} == set(template["parameters"])
    assert all(each["type"] == "string" for each in template["parameters"].values())
    resources = {each["type"]: each for each in template["resources"]}
    for resource in template["resources"]:
        required = {"type", "apiVersion", "name", "properties"} | REQUIRED[resource["type"]]
        assert required <= resource.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", resource["apiVersion"])
        for expression in (*resource.get("dependsOn", ()), resource.get("scope", "")):
            of = re.search(r"resourceId\('([\w./]+)'", expression)
            assert of is None or of[1] in resources
    for expression in re.findall(r'"(\[[^"]*\])"', text):
        if expression.startswith("[") and "(" in expression:
            assert expression.count("(") == expression.count(")")
    schema = resources["Microsoft.OperationalInsights/workspaces/tables"]["properties"]["schema"]
    assert {column["type"] for column in schema["columns"]} <= TABLE_TYPES
    rule = resources["Microsoft.Insights/dataCollectionRules"]
    (stream,) = rule["properties"]["streamDeclarations"].values()
    assert {column["type"] for column in stream["columns"]} <= STREAM_TYPES
    (destination,) = rule["properties"]["destinations"]["logAnalytics"]
    assert {"workspaceResourceId", "name"} == destination.keys()
    (flow,) = rule["properties"]["dataFlows"]
    assert flow["destinations"] == [destination["name"]]
    assert flow["streams"] == list(rule["properties"]["streamDeclarations"])
    assert (rule.get("kind"), "dataCollectionEndpointId" in rule["properties"]) == (
        ("Direct", False) if kind == "direct" else (None, True)
    )
    role = resources["Microsoft.Authorization/roleAssignments"]["properties"]
    assert role.keys() >= {"roleDefinitionId", "principalId"}
    assert ROLE in role["roleDefinitionId"]
    assert set(template["outputs"]) == {
        "DATA_COLLECTION_ENDPOINT", "LOGS_DCR_RULE_ID", "LOGS_DCR_STREAM_NAME",
    }  # fmt: skip
