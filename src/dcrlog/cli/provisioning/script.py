"""The plan as a script that calls the Azure CLI. Pure."""

import json
from typing import Any

from dcrlog.cli.provisioning.plan import RULE_API, TABLE_API, Kind, Plan
from dcrlog.cli.role import PUBLISHER

_BEGIN = """\
#!/bin/sh
# {commands}
set -eu

group=${{1:?the resource group of the workspace}}
workspace_name=${{2:?the name of the Log Analytics workspace}}
principal=${{3:-}}  # object id of the identity that sends; without one no role is assigned
rule_name=${{RULE_NAME:-dcr-{stem}}}

subscription=$(az account show --query id --output tsv)
workspace=$(az monitor log-analytics workspace show --resource-group "$group" --name "$workspace_name" \\
    --query id --output tsv)
location=$(az monitor log-analytics workspace show --resource-group "$group" --name "$workspace_name" \\
    --query location --output tsv)
insights=/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.Insights
body=$(mktemp)
trap 'rm -f "$body"' EXIT

put() {{
    cat > "$body"
    az rest --method put --url "$1" --body "@$body" --output none
    tries=120
    while :; do
        state=$(az rest --method get --url "$1" --query properties.provisioningState --output tsv)
        case $state in
        Succeeded) return ;;
        Failed|Canceled) tries=0 ;;
        esac
        if [ "$tries" -eq 0 ]; then
            echo "$1: its provisioningState is '$state'" >&2
            exit 1
        fi
        tries=$((tries - 1))
        sleep 5
    done
}}
"""

_END = """
if [ -n "$principal" ]; then
    az role assignment create --role {role} --scope "$rule" --output none \\
        --assignee-object-id "$principal" --assignee-principal-type "${{PRINCIPAL_TYPE:-ServicePrincipal}}"
fi

endpoint=$({endpoint} --output tsv)
id=$(az rest --method get --url "$rule?api-version={api}" --query properties.immutableId --output tsv)
echo "DATA_COLLECTION_ENDPOINT=$endpoint"
echo "LOGS_DCR_RULE_ID=$id"
echo "LOGS_DCR_STREAM_NAME={stream}"
"""


def write_script(plan: Plan) -> str:
    """Return the script; its arguments are resource group, workspace and the sender's object id."""
    has_endpoint = plan.kind is Kind.DCE
    parts = [_BEGIN.format(commands=commands("this file")[0], stem=plan.stem)]
    if plan.is_custom:
        url = f'"$workspace/tables/{plan.table}?api-version={TABLE_API}"'
        parts.append(_put(url, {"properties": plan.table_properties()}))
    if has_endpoint:
        parts.append(f"endpoint_id=$insights/dataCollectionEndpoints/${{ENDPOINT_NAME:-dce-{plan.stem}}}")
        access = {"networkAcls": {"publicNetworkAccess": "Enabled"}}
        parts.append(
            _put(f'"$endpoint_id?api-version={RULE_API}"', {"location": "$location", "properties": access})
        )
    parts.append("rule=$insights/dataCollectionRules/$rule_name")
    rule = {
        "location": "$location",
        **({} if has_endpoint else {"kind": "Direct"}),
        "properties": plan.rule_properties("$workspace", "$endpoint_id" if has_endpoint else None),
    }
    parts.append(_put(f'"$rule?api-version={RULE_API}"', rule))
    asked, path = (
        ("$endpoint_id", "logsIngestion.endpoint") if has_endpoint else ("$rule", "endpoints.logsIngestion")
    )
    endpoint = f'az rest --method get --url "{asked}?api-version={RULE_API}" --query properties.{path}'
    parts.append(_END.format(role=PUBLISHER, endpoint=endpoint, api=RULE_API, stream=plan.stream.name))
    return "\n".join(parts)


def commands(file: str) -> list[str]:
    """Return the command that runs the script, which ends with the three variables of the handler."""
    return [f"sh {file} GROUP WORKSPACE OBJECT_ID"]


def _put(url: str, body: dict[str, Any]) -> str:
    text = json.dumps(body, indent=2).replace("\\", "\\\\").replace("`", "\\`")
    # A dollar of ours stands at the beginning of a value; none of a transformation's is a variable.
    text = text.replace("$", "\\$")
    for name in ("location", "workspace", "endpoint_id"):
        text = text.replace(f'"\\${name}"', f'"${name}"')
    return f"put {url} <<JSON\n{text}\nJSON\n"
