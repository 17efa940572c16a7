"""The plan as an ARM template. Pure."""

import json
from typing import Any

from dcrlog.cli.provisioning.plan import ROLE_API, RULE_API, TABLE_API, Kind, Plan
from dcrlog.cli.role import PUBLISHER

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_WORKSPACE = "resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspaceName'))"
_RULE = "resourceId('Microsoft.Insights/dataCollectionRules', parameters('ruleName'))"
_ENDPOINT = "resourceId('Microsoft.Insights/dataCollectionEndpoints', parameters('endpointName'))"


def write_arm(plan: Plan) -> str:
    """Return the template, which is deployed into the resource group of the workspace."""
    has_endpoint = plan.kind is Kind.DCE
    resources = [
        *([_table(plan)] if plan.is_custom else []),
        *([_endpoint()] if has_endpoint else []),
        _rule(plan),
        _role(),
    ]
    template = {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {"deploy": commands("FILE")},
        "parameters": _parameters(plan),
        "resources": resources,
        "outputs": _outputs(plan),
    }
    return json.dumps(template, indent=2) + "\n"


def commands(file: str) -> list[str]:
    """Return the commands that deploy the template and show what it put out."""
    return [
        (
            f"az deployment group create --resource-group GROUP --name dcrlog --template-file {file} "
            "--parameters workspaceName=WORKSPACE principalId=OBJECT_ID"
        ),
        "az deployment group show --resource-group GROUP --name dcrlog --query properties.outputs",
    ]


def _parameters(plan: Plan) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "workspaceName": _text("Name of the Log Analytics workspace, in this resource group."),
        "location": _text("Region, which must be that of the workspace.", "[resourceGroup().location]"),
        "ruleName": _text("Name of the data collection rule.", f"dcr-{plan.stem}"),
        "principalId": _text("Object id of the identity that sends; empty assigns no role.", ""),
        "principalType": {
            **_text("What the identity is.", "ServicePrincipal"),
            "allowedValues": ["ServicePrincipal", "User", "Group"],
        },
    }
    if plan.kind is Kind.DCE:
        parameters["endpointName"] = _text("Name of the data collection endpoint.", f"dce-{plan.stem}")
    return parameters


def _text(description: str, default: str | None = None) -> dict[str, Any]:
    value = {} if default is None else {"defaultValue": default}
    return {"type": "string", **value, "metadata": {"description": description}}


def _table(plan: Plan) -> dict[str, Any]:
    return {
        "type": "Microsoft.OperationalInsights/workspaces/tables",
        "apiVersion": TABLE_API,
        "name": f"[concat(parameters('workspaceName'), '/{plan.table}')]",
        "properties": plan.table_properties(),
    }


def _endpoint() -> dict[str, Any]:
    return {
        "type": "Microsoft.Insights/dataCollectionEndpoints",
        "apiVersion": RULE_API,
        "name": "[parameters('endpointName')]",
        "location": "[parameters('location')]",
        "properties": {"networkAcls": {"publicNetworkAccess": "Enabled"}},
    }


def _rule(plan: Plan) -> dict[str, Any]:
    has_endpoint = plan.kind is Kind.DCE
    table = (
        "[resourceId('Microsoft.OperationalInsights/workspaces/tables', "
        f"parameters('workspaceName'), '{plan.table}')]"
    )
    after = [*([table] if plan.is_custom else []), *([f"[{_ENDPOINT}]"] if has_endpoint else [])]
    return {
        "type": "Microsoft.Insights/dataCollectionRules",
        "apiVersion": RULE_API,
        "name": "[parameters('ruleName')]",
        "location": "[parameters('location')]",
        **({} if has_endpoint else {"kind": "Direct"}),
        **({"dependsOn": after} if after else {}),
        "properties": plan.rule_properties(f"[{_WORKSPACE}]", f"[{_ENDPOINT}]" if has_endpoint else None),
    }


def _role() -> dict[str, Any]:
    definition = f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{PUBLISHER}')"
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": ROLE_API,
        "condition": "[not(empty(parameters('principalId')))]",
        "name": f"[guid({_RULE}, parameters('principalId'), '{PUBLISHER}')]",
        "scope": f"[{_RULE}]",
        "dependsOn": [f"[{_RULE}]"],
        "properties": {
            "roleDefinitionId": f"[{definition}]",
            "principalId": "[parameters('principalId')]",
            "principalType": "[parameters('principalType')]",
        },
    }


def _outputs(plan: Plan) -> dict[str, Any]:
    endpoint = (
        f"reference({_ENDPOINT}, '{RULE_API}').logsIngestion.endpoint"
        if plan.kind is Kind.DCE
        else f"reference({_RULE}, '{RULE_API}').endpoints.logsIngestion"
    )
    values = {
        "DATA_COLLECTION_ENDPOINT": f"[{endpoint}]",
        "LOGS_DCR_RULE_ID": f"[reference({_RULE}, '{RULE_API}').immutableId]",
        "LOGS_DCR_STREAM_NAME": plan.stream.name,
    }
    return {name: {"type": "string", "value": value} for name, value in values.items()}
