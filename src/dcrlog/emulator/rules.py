"""The rule that the emulator serves: loaded, checked as far as Azure checks it, and made ready for rows."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dcrlog.errors import ConfigError
from dcrlog.rules import Flow, Rule
from dcrlog.schema import Column, ColumnType, Stream
from dcrlog.tables import azure_tables

RuleSource = str | Path | Mapping[str, Any] | Rule | None
"""A file, a parsed document, a rule, or nothing for the default rule."""

_TIME: Final = Column("TimeGenerated", ColumnType.DATETIME)

DEFAULT_RULE: Final[Mapping[str, Any]] = {
    "streamDeclarations": {
        "Custom-AppLogs": {
            "columns": [
                {"name": "TimeGenerated", "type": "datetime"},
                {"name": "Level", "type": "string"},
                {"name": "Logger", "type": "string"},
                {"name": "Message", "type": "string"},
                {"name": "Exception", "type": "string"},
                {"name": "TraceId", "type": "string"},
                {"name": "SpanId", "type": "string"},
                {"name": "Host", "type": "string"},
                {"name": "Process", "type": "int"},
                {"name": "Thread", "type": "string"},
                {"name": "Function", "type": "string"},
                {"name": "Line", "type": "int"},
                {"name": "Properties", "type": "dynamic"},
                {"name": "ServiceName", "type": "string"},
                {"name": "ServiceInstance", "type": "string"},
                {"name": "Resource", "type": "dynamic"},
                {"name": "InstanceId", "type": "string"},
                {"name": "Seq", "type": "long"},
            ]
        }
    },
    "dataFlows": [
        {
            "streams": ["Custom-AppLogs"],
            "destinations": ["workspace"],
            "outputStream": "Custom-AppLogs_CL",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A table that a stream fills, with the columns that its rows bring.

    Attributes:
        table: The table's name.
        columns: What a row is coerced to; `TimeGenerated` is always among them.
    """

    table: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ServedRule:
    """A rule that passed the checks.

    Attributes:
        immutable_id: As the rule has it, else one that follows from its streams.
        streams: The destinations of each stream; none where no data flow takes it.
        tables: The columns of each table.
    """

    immutable_id: str
    streams: Mapping[str, tuple[Destination, ...]]
    tables: Mapping[str, tuple[Column, ...]]


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
        try:
            return Rule.from_json(Path(source).read_bytes())
        except OSError as error:
            raise ConfigError(
                f"the rule {str(source)!r} cannot be read: {error.strerror}. Name the rule's JSON file."
            ) from None
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
    return Rule.parse(source)


def check_rule(rule: Rule) -> ServedRule:
    """Check a rule as Azure would when it is created, and lay out its tables.

    Raises:
        ConfigError: The rule has a transformation, or two of its parts do not fit together.
    """
    streams: dict[str, list[Destination]] = {name: [] for name in rule.streams}
    tables: dict[str, dict[str, Column]] = {}
    for flow in rule.flows:
        if flow.transformation is not None:
            raise ConfigError(
                f"the data flow of stream {flow.streams[0]!r} to table {flow.table!r} has the transformation "
                f"{flow.transformation!r}. The emulator passes rows unchanged: leave transformKql out, or "
                "make it 'source'."
            )
        for name in flow.streams:
            destination = Destination(flow.table, _columns(rule.streams[name], flow))
            streams[name].append(destination)
            _add_columns(tables.setdefault(flow.table, {}), destination, name)
    _refuse_tables_alike(tables)
    return ServedRule(
        immutable_id=rule.immutable_id or _derived_id(rule),
        streams={name: tuple(listed) for name, listed in streams.items()},
        tables={name: tuple(columns.values()) for name, columns in tables.items()},
    )


def _columns(stream: Stream, flow: Flow) -> tuple[Column, ...]:
    types = stream.types
    found = types.get("TimeGenerated", ColumnType.DATETIME)
    if found is not ColumnType.DATETIME:
        raise _mismatch(stream.name, "TimeGenerated", found, ColumnType.DATETIME)
    kept = []
    own = azure_tables().get(flow.table)
    for column in stream:
        # A column that an Azure table lacks is accepted and not stored, unless it is a custom one.
        if own and column.name not in own and not column.name.endswith("_CF"):
            continue
        wanted = ColumnType.parse((own or {}).get(column.name, column.type), where=f"table {flow.table!r}")
        # In tables a guid is a label: it is stored and queried as a string.
        if wanted is not column.type and wanted is not ColumnType.GUID:
            raise _mismatch(stream.name, column.name, column.type, wanted)
        kept.append(column)
    # Azure's documentation: a missing TimeGenerated is set to the time of receipt.
    return tuple(kept) if "TimeGenerated" in types else (_TIME, *kept)


def _mismatch(stream: str, column: str, produced: ColumnType, wanted: ColumnType) -> ConfigError:
    return ConfigError(
        f"stream {stream!r}: Types of transform output columns do not match the ones defined by the output "
        f"stream: {column} [produced:'{produced.capitalize()}', output:'{wanted.capitalize()}']."
    )


def _add_columns(table: dict[str, Column], destination: Destination, stream: str) -> None:
    for column in destination.columns:
        known = table.setdefault(column.name, column)
        if known.type is not column.type:
            raise ConfigError(
                f"stream {stream!r}, column {column.name!r}: table {destination.table!r} already gets it as "
                f"{known.type} from another stream, here it is {column.type}."
            )


def _refuse_tables_alike(tables: Mapping[str, object]) -> None:
    seen: dict[str, str] = {}
    for name in tables:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ConfigError(f"the tables {other!r} and {name!r} differ only in case.")
        if name.lower().startswith("sqlite_"):
            raise ConfigError(f"table {name!r}: names starting with 'sqlite_' are SQLite's own.")


def _derived_id(rule: Rule) -> str:
    declared = {
        name: {column.name: column.type.value for column in stream} for name, stream in rule.streams.items()
    }
    digest = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
    return f"dcr-{digest[:32]}"
