"""Data collection rules, read in the shapes in which people have them.

Pure: a document in, a `Rule` or a `ConfigError` out. Who reads the file is the caller's business.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from dcrlog._rule_shapes import SHAPES, find_properties
from dcrlog.errors import ConfigError, shown
from dcrlog.schema import Stream
from dcrlog.tables import azure_tables


class NoTable(ConfigError):  # noqa: N818 - what is missing, not what is wrong in the program
    """A data flow goes to what cannot be a table.

    Attributes:
        flow: The place of the data flow, from 0.
        output_stream: Where it goes.
        destination: What the rule calls the workspace.
    """

    def __init__(self, reason: str, *, flow: int, output_stream: str, destination: str) -> None:
        super().__init__(reason)
        self.flow = flow
        self.output_stream = output_stream
        self.destination = destination


@dataclass(frozen=True, slots=True)
class Flow:
    """One data flow: which streams it takes, what it does to a row, which table it fills.

    Attributes:
        streams: Names of the streams it takes.
        table: The table it fills, for example `AppLogs_CL`.
        transformation: The text of `transformKql`; None where rows pass unchanged.
        destination: What the rule calls the workspace that it goes to.
    """

    streams: tuple[str, ...]
    table: str
    transformation: str | None
    destination: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A data collection rule, as far as the Logs Ingestion API is concerned.

    Attributes:
        immutable_id: `dcr-` and 32 hexadecimal digits; None before the rule was created.
        endpoint: The rule's own logs ingestion endpoint (rules of kind Direct), if it has one.
        streams: The declared streams by name.
        flows: The data flows that take one of them.
        remarks: What Azure accepts but the author has probably not meant.
    """

    immutable_id: str | None
    endpoint: str | None
    streams: Mapping[str, Stream]
    flows: tuple[Flow, ...]
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a rule from JSON text in any of the four shapes; bytes may be UTF-8, -16 or -32.

        Raises:
            ConfigError: The text is not JSON or not a usable rule.
        """
        try:
            if isinstance(text, bytes):
                text = text.decode(json.detect_encoding(text))
            document = json.loads(text.removeprefix("\ufeff"))
        except UnicodeDecodeError as error:
            where = f"byte {error.object[error.start]:#04x} at position {error.start}"
            raise ConfigError(f"the rule is not valid JSON: {where} is no text. Give {SHAPES}.") from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"the rule is not valid JSON: {error}. Give {SHAPES}.") from None
        return cls.parse(document)

    @classmethod
    def parse(cls, document: object) -> Self:
        """Read a rule from a parsed document in any of the four shapes.

        Raises:
            ConfigError: Names the first mistake.
        """
        try:
            return cls._parse(document)
        except RecursionError:
            raise ConfigError(f"the rule is nested too deeply to be one. Give {SHAPES}.") from None

    @classmethod
    def _parse(cls, document: object) -> Self:
        properties = find_properties(document)
        declared = properties.get("streamDeclarations")
        if not isinstance(declared, Mapping) or not declared:
            raise ConfigError(
                'the rule has no "streamDeclarations": it does not take rows from the Logs Ingestion API.'
            )
        for name in declared:
            _refuse_expression(name, "a stream's name")
        streams = {name: Stream.parse(name, entry) for name, entry in declared.items()}
        flows = tuple(_parse_flows(properties.get("dataFlows"), streams))
        endpoints = properties.get("endpoints")
        return cls(
            immutable_id=_text(properties, "immutableId"),
            endpoint=_text(endpoints, "logsIngestion") if isinstance(endpoints, Mapping) else None,
            streams=MappingProxyType(streams),
            flows=flows,
            remarks=tuple(_remarks(streams, flows)),
        )

    def stream(self, name: str) -> Stream:
        """Return the stream of that name.

        Raises:
            ConfigError: The rule does not declare it; the message lists those it does.
        """
        try:
            return self.streams[name]
        except KeyError:
            known = ", ".join(self.streams)
            raise ConfigError(f"the rule declares no stream {name!r}. It declares: {known}.") from None


def _parse_flows(listed: object, streams: Mapping[str, Stream]) -> Iterator[Flow]:
    if not isinstance(listed, list) or not listed:
        raise ConfigError('the rule has no "dataFlows": its streams reach no table.')
    for number, entry in enumerate(listed, 1):
        where = f"data flow {number}"
        names = entry.get("streams") if isinstance(entry, Mapping) else None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ConfigError(f'{where} must have a list "streams" of stream names.')
        for name in names:
            _refuse_expression(name, f'{where}, "streams"')
            if name.startswith("Custom-") and name not in streams:
                raise ConfigError(
                    f"{where} takes stream {shown(name)}, which streamDeclarations does not declare. "
                    f"Declared are: {', '.join(streams)}."
                )
        taken = tuple(name for name in names if name in streams)
        if taken:
            output = _text(entry, "outputStream") or taken[0]
            goes_to = entry.get("destinations")
            destination = str(goes_to[0]) if isinstance(goes_to, list) and goes_to else ""
            try:
                table = table_of(output, where=where)
            except ConfigError as error:
                raise NoTable(
                    str(error), flow=number - 1, output_stream=output, destination=destination
                ) from None
            yield Flow(taken, table, _transformation(entry, where), destination)


def _transformation(entry: Mapping[str, Any], where: str) -> str | None:
    text = _text(entry, "transformKql")
    # Azure: at most 15,360 characters for a transformation.
    if text is not None and len(text) > 15_360:
        raise ConfigError(f"{where}: transformKql has {len(text)} characters; Azure takes 15360.")
    return None if text is None or text.strip() in {"", "source"} else text


def table_of(output_stream: str, *, where: str = "outputStream") -> str:
    """Return the table that an output stream fills: `Custom-AppLogs_CL` fills `AppLogs_CL`.

    Raises:
        ConfigError: The name has neither form, or names an Azure table that the API does not take.
    """
    _refuse_expression(output_stream, f"{where}, outputStream")
    prefix, _, table = output_stream.partition("-")
    if prefix == "Custom" and table.endswith("_CL") and len(table) > len("_CL"):
        return table
    if prefix == "Microsoft":
        # Microsoft's own OTLP template writes Microsoft-OTel-Logs for the table OTelLogs.
        table = table.replace("-", "")
        if table in azure_tables():
            return table
        raise ConfigError(
            f"{where}: the Logs Ingestion API does not take rows for the Azure table {shown(table)}."
        )
    raise ConfigError(
        f"{where}: outputStream {shown(output_stream)} must be 'Custom-<Table>_CL' for a custom table or "
        "'Microsoft-<Table>' for an Azure table."
    )


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigError(f'the rule\'s "{key}" must be text, got {shown(value)}.')
    _refuse_expression(value, f'"{key}"')
    return value or None


def _refuse_expression(value: str, where: str) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"{where} must be text, got {shown(value)}.")
    if value.startswith("[") and value.endswith("]") and not value.startswith("[["):
        raise ConfigError(
            f"{where} is an ARM expression, {value}, which only Azure can evaluate. Write the text itself, "
            "or use the output of 'az monitor data-collection rule show'."
        )


def _remarks(streams: Mapping[str, Stream], flows: tuple[Flow, ...]) -> Iterator[str]:
    for name in streams:
        if not name.startswith("Custom-"):
            yield f"stream {name!r}: the documentation wants 'Custom-' at the start of a stream's name."
        if not any(name in flow.streams for flow in flows):
            yield f"stream {name!r}: no data flow takes it, so its rows reach no table."
    for flow in flows:
        own = azure_tables().get(flow.table)
        for name in flow.streams if own and flow.transformation is None else ():
            for column in streams[name]:
                if own and column.name not in own and not column.name.endswith("_CF"):
                    yield (
                        f"stream {name!r}, column {column.name!r}: the Azure table {flow.table} has no such "
                        "column, and one that you add must end in '_CF'. Its values will not be stored."
                    )
