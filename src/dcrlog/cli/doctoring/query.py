"""The KQL that looks for the probe."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dcrlog import settings
from dcrlog.errors import ConfigError
from dcrlog.rules import Rule


def query_for(options: Mapping[str, Any], checked: settings.Settings, mark: str) -> str:
    """Return what finds the row that has this mark in its message."""
    column = next((each.name for each in checked.columns if "message" in each.fields), None)
    where = f'{column} has "{mark}"' if column else f'* has "{mark}"'
    return f"{_table(options, checked)}\n| where TimeGenerated > ago(1h) and {where}"


def _table(options: Mapping[str, Any], checked: settings.Settings) -> str:
    """Return the table that the rule fills, or what it is called if nobody has been inventive."""
    with suppress(ConfigError, StopIteration):
        rule = settings.read_rule(options.get("rule"))
        if isinstance(rule, Rule):
            return next(flow.table for flow in rule.flows if checked.stream_name in flow.streams)
        if isinstance(options.get("columns"), str):
            from dcrlog._presets import find_preset

            return find_preset(options["columns"]).table
    return checked.stream_name.partition("-")[2].removesuffix("_CL") + "_CL"
