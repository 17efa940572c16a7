"""Compile columns into the function that turns an OpenTelemetry log record into the bytes of a row.

Pure. The same two builders as for a stdlib record, with another field source.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import SimpleNamespace
from typing import ClassVar

from dcrlog import _otel_fields as fields
from dcrlog._careful import CarefulBuilder
from dcrlog._levels import severity_number
from dcrlog._mapping import STAMPED, MappedColumn
from dcrlog._otel_resource import resource_of
from dcrlog._otel_source import OtelSource
from dcrlog._quick import Build, Quick
from dcrlog._redact import Redact
from dcrlog.schema import ColumnType


def compile_otel_builder(
    columns: Sequence[MappedColumn], *, count: Callable[[str, int], None], redact: Redact | None = None
) -> Build:
    """Compile the row builder of an OpenTelemetry front end.

    Args:
        columns: The columns and the fields that fill them.
        count: Called with the name of a counter of `Stats` and a number.
        redact: Takes secrets out of a finished row.
    """
    filled = [column for column in columns if not STAMPED.intersection(column.fields)]
    source = OtelSource(filled)
    careful = CarefulBuilder(filled, count=count, redact=redact, formatter=None, source=source)
    return careful.build if redact is not None else _OtelQuick(filled, careful, source).compile()


def compile_own_otel(columns: Sequence[MappedColumn]) -> Build:
    """Compile what turns a stdlib record of our own into a row of these columns."""
    build = compile_otel_builder(columns, count=lambda *_: None)
    return lambda record: build(_as_otel(record))


def _as_otel(record: logging.LogRecord) -> SimpleNamespace:
    at = int(record.created * fields.NANOSECONDS)
    log = SimpleNamespace(
        timestamp=at,
        observed_timestamp=at,
        body=record.getMessage(),
        severity_text=record.levelname,
        severity_number=severity_number(record.levelno),
        attributes={name: value for name, value in record.__dict__.items() if name == "dcrlog"},
        event_name=None,
        trace_id=0,
        span_id=0,
        trace_flags=0,
    )
    scope = SimpleNamespace(name=record.name, version=None, schema_url=None, attributes=None)
    return SimpleNamespace(log_record=log, resource=None, instrumentation_scope=scope, dropped_attributes=0)


class _OtelQuick(Quick):
    """Reads a `ReadableLogRecord` or a `ReadWriteLogRecord`."""

    _ready: ClassVar = frozenset({"properties", "resource"})

    def __init__(self, columns: Sequence[MappedColumn], careful: CarefulBuilder, source: OtelSource) -> None:
        super().__init__(columns, careful)
        self._names |= {
            "EMPTY": {},
            "LEVEL_NAMES": fields.LEVEL_NAMES,
            "NANOSECONDS": fields.NANOSECONDS,
            "getpid": os.getpid,
            "read_exception": fields.read_exception,
            "read_level": fields.read_level,
            "resource_of": resource_of,
            "with_rest": source.with_rest,
        }

    def _preamble(self) -> None:
        # `copy` of the SDK's own attributes is that of the dict behind them; `[]` takes a Python call each.
        self._lines += [
            "log = record.log_record",
            "d = log.attributes",
            "d = d.copy() if d else EMPTY",
            "if type(d) is not dict: return careful(record)",
            "get = d.get",
        ]
        named = {field for column in self._columns for field in column.fields}
        if any(field == "host" or field.partition(".")[0] == "resource" for field in named):
            self._lines += ["resource = resource_of(record)", "of_resource = resource.attributes.get"]

    def _special(self) -> Mapping[str, Callable[[str], None]]:
        return {
            "message": self._fill_message,
            "exception": self._fill_exception,
            "levelname": self._fill_level,
            "name": self._fill_name,
            "scope.name": self._fill_name,
            "trace_id": lambda value: self._fill_id(value, "trace_id", "032x"),
            "span_id": lambda value: self._fill_id(value, "span_id", "016x"),
            "host": self._fill_host,
            "process": lambda value: self._lines.append(f"{value} = getpid()"),
            "resource": lambda value: self._lines.append(f"{value} = resource.json"),
            "properties": self._fill_properties,
        }

    def _fill(self, value: str, column: MappedColumn) -> None:
        if column.fields == ("resource",) and column.type is not ColumnType.DYNAMIC:
            # As text it is made anew from the attributes.
            self._fill_read(value, column)
            self._fit(value, column)
            return
        super()._fill(value, column)

    def _fill_attribute(self, value: str, column: MappedColumn) -> None:
        names = [fields.attribute_names(field) for field in column.fields]
        prefix, _, name = column.fields[0].partition(".")
        if all(names):
            self._fill_names(value, tuple(chain.from_iterable(names)))
        elif name and prefix == "context":
            self._fill_context(value, name)
        elif name and prefix == "resource":
            self._names[f"key_{value}"] = name
            self._lines.append(f"{value} = of_resource(key_{value})")
        else:
            self._fill_read(value, column)

    def _fill_read(self, value: str, column: MappedColumn) -> None:
        self._names[f"read_{value}"] = self._careful.source.reader(column.fields)
        self._lines.append(f"{value} = read_{value}(record)")

    def _read_created(self, value: str) -> None:
        self._lines.append(f"{value} = (log.timestamp or log.observed_timestamp) / NANOSECONDS")

    def _fill_message(self, value: str) -> None:
        self._lines += [f"{value} = log.body", f"if type({value}) is not str: {value} = read_message(record)"]

    def _fill_exception(self, value: str) -> None:
        told = " or ".join(f"'{name}' in d" for name in fields.EXCEPTION)
        raised = "getattr(log, 'exception', None) is not None"
        self._lines.append(f"{value} = read_exception(record) if {told} or {raised} else None")

    def _fill_level(self, value: str) -> None:
        self._lines += [
            f"{value} = log.severity_text",
            f"{value} = LEVEL_NAMES.get({value}, {value}) if {value} else read_level(record)",
        ]

    def _fill_name(self, value: str) -> None:
        self._lines += [
            f"{value} = record.instrumentation_scope",
            f"if {value} is not None: {value} = {value}.name",
        ]

    def _fill_id(self, value: str, name: str, width: str) -> None:
        # Both names and widths are ours.
        self._lines += [
            f"{value} = log.{name}",
            f"{value} = format({value}, '{width}') if {value} else get('{name}')",
        ]

    def _fill_host(self, value: str) -> None:
        super()._fill_host(value)
        self._lines.append(f"{value} = of_resource('host.name') or {value}")

    def _fill_properties(self, value: str) -> None:
        self._fill_members(value, "d")
        self._lines.append(
            f"if log.event_name or type(log.body) is not str: {value} = with_rest({value}, record)"
        )
