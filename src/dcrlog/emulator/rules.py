"""The rules that the emulator serves: read, and checked as Azure checks them when they are created."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dcrlog._rule_file import read_rule_file
from dcrlog.emulator.default_rule import DEFAULT_RULE
from dcrlog.emulator.destinations import Destination, passed, transformed
from dcrlog.emulator.refused import Detail, RuleRefused, no_table, too_many, wrong_transformation
from dcrlog.emulator.tables import TIME, Table, azure_table, check_table_name
from dcrlog.errors import ConfigError
from dcrlog.kql import KqlError
from dcrlog.rules import Flow, Rule
from dcrlog.schema import Stream
from dcrlog.tables import azure_tables

RuleSource = str | Path | Mapping[str, Any] | Rule | None
"""A file, a parsed document, a rule, or nothing for the default rule."""

_MOST: Final = 10
"""Streams, and data flows, that a rule may have."""


@dataclass(frozen=True, slots=True)
class ServedStream:
    """A stream with the tables that it fills; none where no data flow takes it."""

    stream: Stream
    destinations: tuple[Destination, ...]


@dataclass(frozen=True, slots=True)
class ServedRule:
    """A rule that passed the checks.

    Attributes:
        immutable_id: As the rule has it, else one that follows from its streams.
        streams: The streams by name.
        remarks: What Azure accepts but the author has probably not meant.
    """

    immutable_id: str
    streams: Mapping[str, ServedStream]
    remarks: tuple[str, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that it fills."""
        filled = (each.table for served in self.streams.values() for each in served.destinations)
        return tuple(dict.fromkeys(filled))

    def resource(self, endpoint: str) -> dict[str, Any]:
        """Return the rule as Azure Resource Manager shows one of kind Direct, with its own endpoint."""
        return {
            "kind": "Direct",
            "properties": {
                "immutableId": self.immutable_id,
                "endpoints": {"logsIngestion": endpoint},
                "streamDeclarations": {
                    name: {"columns": [{"name": c.name, "type": c.type.value} for c in served.stream]}
                    for name, served in self.streams.items()
                },
                "dataFlows": [
                    {
                        "streams": [name],
                        "destinations": ["workspace"],
                        "transformKql": each.transformation or "source",
                        "outputStream": output_stream(each.table),
                    }
                    for name, served in self.streams.items()
                    for each in served.destinations
                ],
                "provisioningState": "Succeeded",
            },
        }


def load_rule(source: RuleSource) -> Rule:
    """Read a rule from wherever it is.

    Raises:
        ConfigError: The file cannot be read, or its content is not a usable rule.
    """
    if isinstance(source, Rule):
        return source
    if source is None:
        return Rule.parse(DEFAULT_RULE)
    if isinstance(source, str | Path):
        return read_rule_file(source)
    return Rule.parse(source)


def check_rule(
    rule: Rule,
    tables: Mapping[str, Table],
    *,
    create_tables: bool,
    strict: bool = True,
    immutable_id: str | None = None,
) -> tuple[ServedRule, dict[str, Table]]:
    """Check a rule as Azure would when it is created.

    Args:
        rule: The rule.
        tables: The tables that exist; Azure's own need not be among them.
        create_tables: Make a custom table that is missing, and columns that its streams bring.
        strict: Refuse what Azure refuses of a transformation; else it is carried out, with a remark.
        immutable_id: The id under which it is served, where not its own.

    Returns:
        The rule, and the tables that there are then.

    Raises:
        RuleRefused: What Azure refuses.
        ConfigError: It asks for tables that the emulator cannot keep.
    """
    _refuse_too_many(rule)
    exist = dict(tables)
    streams: dict[str, list[Destination]] = {name: [] for name in rule.streams}
    problems: list[Detail] = []
    remarks = list(rule.remarks)
    for number, flow in enumerate(rule.flows):
        table = exist.get(flow.table) or _missing_table(flow.table, create_tables=create_tables)
        if table is None:
            problems.append(no_table(output_stream(flow.table), flow.destination, number))
            continue
        for name in flow.streams:
            try:
                table, destination, told = _follow(flow, rule.streams[name], table, number, strict=strict)
            except RuleRefused as refused:
                problems += refused.details
            else:
                streams[name].append(destination)
                remarks += told
        exist[flow.table] = table
    if problems:
        raise RuleRefused(*problems)
    _refuse_tables_alike(exist)
    served = {name: ServedStream(rule.streams[name], tuple(listed)) for name, listed in streams.items()}
    found_id = immutable_id or rule.immutable_id or _derived_id(rule)
    return ServedRule(found_id, served, tuple(dict.fromkeys(remarks))), exist


def _refuse_too_many(rule: Rule) -> None:
    for what, number in (("streams", len(rule.streams)), ("data flows", len(rule.flows))):
        if number > _MOST:
            raise RuleRefused(too_many(what, number, _MOST))


def _follow(
    flow: Flow, stream: Stream, table: Table, number: int, *, strict: bool
) -> tuple[Table, Destination, list[str]]:
    """Return what a stream's rows make of a flow's table, how they get there, and remarks on that."""
    told: list[str] = []
    if flow.transformation is None:
        table, destination = passed(stream, table, number)
    else:
        try:
            table, destination, told = transformed(stream, flow.transformation, table, number, strict=strict)
        except KqlError as error:
            raise RuleRefused(wrong_transformation(error, number)) from None
    remarks = [f"stream {stream.name!r} to table {table.name!r}: {remark}" for remark in told]
    return table, destination, [*remarks, *_remarks(stream.name, destination)]


def output_stream(table: str) -> str:
    """Return how a data flow names a table."""
    return f"Microsoft-{table}" if table in azure_tables() else f"Custom-{table}"


def _missing_table(name: str, *, create_tables: bool) -> Table | None:
    if name in azure_tables():
        return azure_table(name)
    if not create_tables:
        return None
    check_table_name(name)
    return Table(name, (TIME,), is_open=True)


def _remarks(stream: str, destination: Destination) -> list[str]:
    if destination.table in azure_tables():
        # The rule itself has the remark.
        return []
    return [
        f"stream {stream!r}, column {name!r}: the table {destination.table} has no such column. Its values "
        "will not be stored."
        for name in destination.lacking
    ]


def _refuse_tables_alike(tables: Mapping[str, object]) -> None:
    seen: dict[str, str] = {}
    for name in tables:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ConfigError(f"the tables {other!r} and {name!r} differ only in case.")


def _derived_id(rule: Rule) -> str:
    declared = {
        name: {column.name: column.type.value for column in stream} for name, stream in rule.streams.items()
    }
    digest = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
    return f"dcr-{digest[:32]}"
