"""What tests of `dcrlog provision` share: its input, a handler that logs into what it made, a check."""

import json
import re

import pytest

from dcrlog import LogsIngestionHandler, Rule
from dcrlog.cli.role import PUBLISHER
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
    assert PUBLISHER in role["roleDefinitionId"]
    assert set(template["outputs"]) == {
        "DATA_COLLECTION_ENDPOINT", "LOGS_DCR_RULE_ID", "LOGS_DCR_STREAM_NAME",
    }  # fmt: skip
