"""The plan as a Terraform configuration. Pure."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.cli.provisioning.plan import RULE_API, TABLE_API, Kind, Plan
from dcrlog.cli.role import PUBLISHER

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Raw:
    """An expression, in place of a value."""

    text: str


_WORKSPACE: Final = _Raw("data.azurerm_log_analytics_workspace.workspace.id")
_GROUP: Final = _Raw("data.azurerm_resource_group.group.id")
_LOCATION: Final = _Raw("data.azurerm_log_analytics_workspace.workspace.location")


def write_terraform(plan: Plan) -> str:
    """Return a configuration that Terraform and OpenTofu apply, with the providers azurerm and azapi."""
    has_endpoint = plan.kind is Kind.DCE
    blocks = [
        _header(),
        _block("terraform", {}, _block("required_providers", {
            "azapi": {"source": "Azure/azapi", "version": "~> 2.0"},
            "azurerm": {"source": "hashicorp/azurerm", "version": "~> 4.0"},
        })),
        'provider "azurerm" {\n  features {}\n}',
        *_variables(plan),
        _block('data "azurerm_resource_group" "group"', {"name": _Raw("var.resource_group_name")}),
        _block('data "azurerm_log_analytics_workspace" "workspace"', {
            "name": _Raw("var.workspace_name"),
            "resource_group_name": _Raw("var.resource_group_name"),
        }),
        *([_table(plan)] if plan.is_custom else []),
        *([_endpoint()] if has_endpoint else []),
        _rule(plan),
        _block('resource "azurerm_role_assignment" "sender"', {
            "for_each": _Raw("toset(var.principal_ids)"),
            "scope": _Raw("azapi_resource.rule.id"),
            "role_definition_id": _Raw(
                f'"${{data.azurerm_subscription.current.id}}/providers/Microsoft.Authorization/roleDefinitions/{PUBLISHER}"'
            ),
            "principal_id": _Raw("each.value"),
        }),
        'data "azurerm_subscription" "current" {}',
        *_outputs(plan),
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def commands(file: str) -> list[str]:
    """Return the commands that apply the configuration and show what it put out."""
    return [
        f"# in the directory of {file}",
        "terraform init",
        (
            "terraform apply -var resource_group_name=GROUP -var workspace_name=WORKSPACE "
            "-var 'principal_ids=[\"OBJECT_ID\"]'"
        ),
        "terraform output",
    ]


def _header() -> str:
    return "\n".join(line if line.startswith("#") else f"# {line}" for line in commands("this file"))


def _variables(plan: Plan) -> list[str]:
    variables: dict[str, dict[str, Any]] = {
        "resource_group_name": {"description": "Resource group of the workspace.", "type": _Raw("string")},
        "workspace_name": {"description": "Name of the Log Analytics workspace.", "type": _Raw("string")},
        "rule_name": {
            "description": "Name of the data collection rule.",
            "type": _Raw("string"),
            "default": f"dcr-{plan.stem}",
        },
        "principal_ids": {
            "description": "Object ids of the identities that send.",
            "type": _Raw("list(string)"),
            "default": [],
        },
    }
    if plan.kind is Kind.DCE:
        variables["endpoint_name"] = {
            "description": "Name of the data collection endpoint.",
            "type": _Raw("string"),
            "default": f"dce-{plan.stem}",
        }
    return [_block(f'variable "{name}"', entries) for name, entries in variables.items()]


def _table(plan: Plan) -> str:
    return _block('resource "azapi_resource" "table"', {
        "type": f"Microsoft.OperationalInsights/workspaces/tables@{TABLE_API}",
        "name": plan.table,
        "parent_id": _WORKSPACE,
        "body": {"properties": plan.table_properties()},
    })  # fmt: skip


def _endpoint() -> str:
    return _block('resource "azapi_resource" "endpoint"', {
        "type": f"Microsoft.Insights/dataCollectionEndpoints@{RULE_API}",
        "name": _Raw("var.endpoint_name"),
        "parent_id": _GROUP,
        "location": _LOCATION,
        "body": {"properties": {"networkAcls": {"publicNetworkAccess": "Enabled"}}},
        "response_export_values": ["properties.logsIngestion.endpoint"],
    })  # fmt: skip


def _rule(plan: Plan) -> str:
    has_endpoint = plan.kind is Kind.DCE
    properties = plan.rule_properties("", "" if has_endpoint else None)
    properties["destinations"]["logAnalytics"][0]["workspaceResourceId"] = _WORKSPACE
    if has_endpoint:
        properties["dataCollectionEndpointId"] = _Raw("azapi_resource.endpoint.id")
    return _block('resource "azapi_resource" "rule"', {
        "type": f"Microsoft.Insights/dataCollectionRules@{RULE_API}",
        "name": _Raw("var.rule_name"),
        "parent_id": _GROUP,
        "location": _LOCATION,
        "body": {**({} if has_endpoint else {"kind": "Direct"}), "properties": properties},
        "response_export_values": ["properties.immutableId", "properties.endpoints.logsIngestion"],
        **({"depends_on": [_Raw("azapi_resource.table")]} if plan.is_custom else {}),
    })  # fmt: skip


def _outputs(plan: Plan) -> list[str]:
    endpoint = (
        "azapi_resource.endpoint.output.properties.logsIngestion.endpoint"
        if plan.kind is Kind.DCE
        else "azapi_resource.rule.output.properties.endpoints.logsIngestion"
    )
    values = {
        "data_collection_endpoint": _Raw(endpoint),
        "logs_dcr_rule_id": _Raw("azapi_resource.rule.output.properties.immutableId"),
        "logs_dcr_stream_name": plan.stream.name,
    }
    return [_block(f'output "{name}"', {"value": value}) for name, value in values.items()]


def _block(head: str, entries: Mapping[str, Any], *inner: str) -> str:
    lines = _assignments(entries, 1)
    lines += ["  " + line for block in inner for line in block.splitlines()]
    return "\n".join([f"{head} {{", *lines, "}"])


def _value(value: Any, depth: int) -> str:
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, _Raw):
        return value.text
    if isinstance(value, Mapping):
        return "\n".join(["{", *_assignments(value, depth + 1), f"{end}}}"])
    if isinstance(value, list):
        if not value:
            return "[]"
        return "\n".join(["[", *(f"{pad}{_value(member, depth + 1)}," for member in value), f"{end}]"])
    return _text(value)


def _assignments(entries: Mapping[str, Any], depth: int) -> list[str]:
    """Write names and values with the equals signs of neighbours in one column, as `terraform fmt` does."""
    written = [
        (key if _IDENTIFIER.match(key) else _text(key), _value(value, depth))
        for key, value in entries.items()
    ]
    lines = []
    for is_single, run in itertools.groupby(written, lambda each: "\n" not in each[1]):
        pairs = list(run)
        width = max(len(key) for key, _ in pairs) if is_single else 0
        lines += [f"{'  ' * depth}{key:<{width}} = {value}" for key, value in pairs]
    return lines


def _text(value: str) -> str:
    """Quote a text; HCL has neither JSON's escapes for two of the control characters nor its surrogates."""
    quoted = "".join(_ESCAPES.get(each) or (each if each.isprintable() else _escaped(each)) for each in value)
    return f'"{quoted}"'.replace("${", "$${").replace("%{", "%%{")


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
