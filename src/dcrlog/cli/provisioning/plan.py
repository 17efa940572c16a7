"""What is to be made: a table, a rule for it, and who may send. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from dcrlog._mapping import DEFAULT_STREAM_NAME, DEFAULTS, OTEL_DEFAULTS, map_columns, stream_of
from dcrlog._presets import PRESETS, Preset, find_preset
from dcrlog.cli.provisioning.infer import TIME, Inferred
from dcrlog.errors import ConfigError, shown
from dcrlog.rules import Rule
from dcrlog.schema import Column, ColumnType, Stream, check_custom_table_name, check_stream_name
from dcrlog.tables import azure_tables

RULE_API: Final = "2023-03-11"
TABLE_API: Final = "2022-10-01"
ROLE_API: Final = "2022-04-01"
DESTINATION: Final = "workspace"

_MOST_COLUMNS: Final = 500


class Kind(StrEnum):
    """Where the endpoint comes from."""

    DIRECT = "direct"
    """The rule has one of its own."""
    DCE = "dce"
    """A data collection endpoint, which private link needs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Attributes:
        stream: The stream that rows are sent to.
        table: The table that they end in.
        transformation: What the rule does to a row; None where it passes unchanged.
        kind: Where the endpoint comes from.
        remarks: What somebody has to look at.

    Raises:
        ConfigError: Azure would refuse it.
    """

    stream: Stream
    table: str
    transformation: str | None = None
    kind: Kind = Kind.DIRECT
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_stream_name(self.stream.name)
        if not self.stream.name.startswith("Custom-"):
            raise ConfigError(
                f"--stream: {shown(self.stream.name)} must start with 'Custom-': a rule declares no others. "
                "For an Azure table use --preset."
            )
        if self.is_custom:
            self._check_table()
        if self.transformation is None and self.stream.types.get(TIME) is not ColumnType.DATETIME:
            raise ConfigError(
                f"the stream has no column {TIME} of type datetime, as every table has it, and no "
                "transformation makes one. Add it."
            )
        columns = len(self.table_columns)
        if columns > _MOST_COLUMNS:
            raise ConfigError(
                f"there are {columns} columns; a table takes {_MOST_COLUMNS}. Leave some "
                "out, or let a dynamic column take them."
            )

    def _check_table(self) -> None:
        try:
            check_custom_table_name(self.table)
        except ConfigError as error:
            raise ConfigError(f"{error} Say another with --table.") from None

    @property
    def stem(self) -> str:
        """What the names of rule and endpoint are made of; Azure takes 44 characters for an endpoint's."""
        return self.table.removesuffix("_CL").lower().replace("_", "-")[:40].strip("-")

    @property
    def is_custom(self) -> bool:
        """Whether the table is one of the user's own, and is to be made."""
        return self.table.endswith("_CL")

    @property
    def output_stream(self) -> str:
        """The table as a data flow names it."""
        return f"{'Custom' if self.is_custom else 'Microsoft'}-{self.table}"

    @property
    def table_columns(self) -> list[dict[str, str]]:
        """The columns of the table, in the spelling of the Tables API."""
        columns = list(self.stream)
        if TIME not in self.stream.types:
            columns.insert(0, Column(TIME, ColumnType.DATETIME))
        return [
            {"name": each.name, "type": "dateTime" if each.type is ColumnType.DATETIME else str(each.type)}
            for each in columns
        ]

    def rule_properties(self, workspace: str, endpoint: str | None) -> dict[str, Any]:
        """Return the properties of the rule.

        Args:
            workspace: The workspace's resource id, or what stands for it.
            endpoint: The same of the data collection endpoint; None without one.
        """
        flow: dict[str, Any] = {"streams": [self.stream.name], "destinations": [DESTINATION]}
        if self.transformation is not None:
            flow["transformKql"] = self.transformation
        flow["outputStream"] = self.output_stream
        columns = [{"name": each.name, "type": str(each.type)} for each in self.stream]
        of_endpoint = {} if endpoint is None else {"dataCollectionEndpointId": endpoint}
        return {
            **of_endpoint,
            "streamDeclarations": {self.stream.name: {"columns": columns}},
            "destinations": {"logAnalytics": [{"workspaceResourceId": workspace, "name": DESTINATION}]},
            "dataFlows": [flow],
        }

    def table_properties(self) -> dict[str, Any]:
        """Return the properties of the table."""
        return {"schema": {"name": self.table, "columns": self.table_columns}}


def plan_columns(
    columns: Mapping[str, Any] | None, *, stream: str | None, table: str | None, kind: Kind, otel: bool
) -> Plan:
    """Plan for the columns that the handler has with this `columns=`."""
    name = stream or DEFAULT_STREAM_NAME
    check_stream_name(name)
    mapped = map_columns(None, columns, OTEL_DEFAULTS if otel else DEFAULTS)
    return Plan(stream_of(name, mapped), table or _table_for(name), kind=kind)


def plan_preset(preset: str, *, stream: str | None, kind: Kind, otel: bool) -> Plan:
    """Plan for an Azure table."""
    found = _find_preset(preset)
    columns = tuple(Column(name, ColumnType(column)) for name, column, _ in found.defaults(is_otel=otel))
    remarks = (f"the table {found.table} must exist: those of Sentinel come with Sentinel.",)
    return Plan(
        Stream(stream or found.stream_name, columns), found.table, found.transformation, kind, remarks
    )


def _find_preset(name: str) -> Preset:
    known = ", ".join(PRESETS)
    if name == "request":
        raise ConfigError(
            "--preset: 'request' adds columns to a table of your own, and is no Azure table. Write "
            '"request", with the quotes, into a file, and give that as --columns.'
        )
    try:
        return find_preset(name)
    except ConfigError:
        pass
    told = f"--preset: there is none for {shown(name)}, but for {known}."
    if name in azure_tables():
        told += f" Make a rule whose outputStream is 'Microsoft-{name}', and give it as --rule."
    elif name.endswith("_CL"):
        told += " For a table of your own give --table, and its columns as --columns or --sample."
    raise ConfigError(told)


def plan_rule(rule: Rule, *, stream: str | None, table: str | None, kind: Kind) -> Plan:
    """Plan what a rule that somebody has does, with one of its streams."""
    if stream is None and len(rule.streams) > 1:
        raise ConfigError(
            f"the rule declares several streams; set --stream to one of {', '.join(rule.streams)}."
        )
    found = rule.stream(stream or next(iter(rule.streams)))
    flows = [flow for flow in rule.flows if found.name in flow.streams]
    if len(flows) != 1:
        raise ConfigError(
            f"the rule has {len(flows)} data flows that take the stream {shown(found.name)}, not one."
        )
    remarks: tuple[str, ...] = ()
    if flows[0].transformation is not None and flows[0].table.endswith("_CL"):
        remarks = ("the table gets the columns of the stream: add those that only the transformation makes.",)
    return Plan(found, table or flows[0].table, flows[0].transformation, kind, remarks)


def plan_sample(
    inferred: Inferred, *, stream: str | None, table: str | None, kind: Kind, time: str | None
) -> Plan:
    """Plan for rows that somebody has.

    Args:
        inferred: What they say.
        stream: The stream's name.
        table: The table's name.
        kind: Where the endpoint comes from.
        time: The column that says when a row happened, if it is not `TimeGenerated`.
    """
    name = stream or "Custom-" + (table or "Samples_CL").removesuffix("_CL")
    columns, remarks = inferred.columns, inferred.remarks
    transformation = None
    if time is not None:
        types = {column.name: column.type for column in columns}
        if time not in types:
            raise ConfigError(
                f"--time: the rows have no column {shown(time)}. They have: {', '.join(types)}."
            )
        if types[time] is not ColumnType.DATETIME:
            raise ConfigError(f"--time: the column {shown(time)} is a {types[time]}, not a datetime.")
        transformation = f"source | extend {TIME} = {time}"
        columns = tuple(column for column in columns if column.name != TIME)
        remarks = tuple(remark for remark in remarks if not remark.startswith(f"the rows have no {TIME}"))
    return Plan(Stream(name, columns), table or _table_for(name), transformation, kind, remarks)


def _table_for(stream: str) -> str:
    name = stream.partition("-")[2]
    return name if name.endswith("_CL") else f"{name}_CL"
