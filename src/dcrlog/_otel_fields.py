"""Fields of an OpenTelemetry log record: how each is read, without ever writing to the record.

Pure, and without OpenTelemetry: a record is known by its attributes alone. A field is one of the names of the
stdlib record that has a counterpart here, one of the log record's own (`severity_text`), an attribute by its
name, or a qualified name: `attributes.<name>`, `scope.<name>`, `resource.<name>`, `context.<name>`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from dcrlog import _fields
from dcrlog._fields import Read
from dcrlog._levels import LEVEL_FIELDS
from dcrlog._otel_resource import resource_of
from dcrlog._values import text

NANOSECONDS: Final = 1_000_000_000

LEVEL_NAMES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}
"""How OpenTelemetry's handler renames two levels, the other way round: one table has one word for a level."""

_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""One for each four severity numbers, from 1 on."""

_MOST_SEVERE: Final = 24

_STACKTRACE: Final = "exception.stacktrace"
EXCEPTION: Final = (_STACKTRACE, "exception.type", "exception.message")

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "funcName": ("code.function.name", "code.function"),
    "lineno": ("code.line.number", "code.lineno"),
    "pathname": ("code.file.path", "code.filepath"),
    "threadName": ("thread.name",),
    "thread": ("thread.id",),
}
"""Attributes that say what a field of a stdlib record says, in the semantic conventions and in older ones."""


def attributes_of(record: Any) -> Mapping[str, Any]:
    """Return a copy of the record's attributes."""
    found = record.log_record.attributes
    return dict(found) if found else {}


def level_number(record: Any) -> int | None:
    """Return the stdlib's number of the record's severity, as OpenTelemetry's handler maps them."""
    number = _read_severity_number(record)
    if type(number) is not int or number <= 0:
        return None
    return (number - 1) // 4 * 10 + (number - 1) % 4 if number > 4 else number


def read_level(record: Any) -> Any:
    """Return the level's name: the stdlib's word for it, else the record's own text."""
    told = record.log_record.severity_text
    if told:
        return LEVEL_NAMES.get(told, told)
    number = _read_severity_number(record)
    return _LEVELS[(number - 1) // 4] if number else None


def read_exception(record: Any) -> str | None:
    """Return the traceback's text, as the stdlib handler writes it; else type and message."""
    attributes = attributes_of(record)
    stacktrace = text(attributes.get(_STACKTRACE) or "").removesuffix("\n")
    named = [text(part) for part in map(attributes.get, EXCEPTION[1:]) if part]
    if stacktrace and all(part in stacktrace for part in named):
        return stacktrace
    if named:
        return "\n".join(filter(None, (stacktrace, ": ".join(named))))
    raised = getattr(record.log_record, "exception", None)
    if not isinstance(raised, BaseException):
        return None
    return _fields.format_exception((type(raised), raised, raised.__traceback__))


def is_structure(body: object) -> bool:
    """Whether a body is more than a text and belongs into the dynamic column."""
    return isinstance(body, Mapping) or (
        isinstance(body, Sequence) and not isinstance(body, str | bytes | bytearray)
    )


def _read_created(record: Any) -> Any:
    log = record.log_record
    return _seconds(log.timestamp or log.observed_timestamp)


def _seconds(nanoseconds: Any) -> Any:
    return nanoseconds / NANOSECONDS if nanoseconds else None


def _read_trace_id(record: Any) -> Any:
    trace_id = record.log_record.trace_id
    return f"{trace_id:032x}" if trace_id else attributes_of(record).get("trace_id")


def _read_span_id(record: Any) -> Any:
    span_id = record.log_record.span_id
    return f"{span_id:016x}" if span_id else attributes_of(record).get("span_id")


def _read_trace_flags(record: Any) -> Any:
    log = record.log_record
    return f"{log.trace_flags or 0:02x}" if log.trace_id else None


def _read_severity_number(record: Any) -> int | None:
    severity = record.log_record.severity_number
    number = getattr(severity, "value", severity)
    return number if type(number) is int and 1 <= number <= _MOST_SEVERE else None


def _read_as(convert: Callable[[int], object], record: Any) -> object:
    level = level_number(record)
    return None if level is None else convert(level)


def _read_scope(name: str, record: Any) -> Any:
    scope = record.instrumentation_scope
    if name.startswith("attributes."):
        return (getattr(scope, "attributes", None) or {}).get(name.removeprefix("attributes."))
    return getattr(scope, name, None) if name in _SCOPE else None


_SCOPE: Final = frozenset({"name", "version", "schema_url", "attributes"})


def _read_resource(name: str, record: Any) -> Any:
    return resource_of(record).attributes.get(name)


READERS: Final[dict[str, Read]] = {
    **{field: partial(_read_as, convert) for field, convert in LEVEL_FIELDS.items()},
    "created": _read_created,
    "timestamp": lambda record: _seconds(record.log_record.timestamp),
    "observed_timestamp": lambda record: _seconds(record.log_record.observed_timestamp),
    "levelname": read_level,
    "levelno": level_number,
    "severity_text": lambda record: record.log_record.severity_text,
    "severity_number": _read_severity_number,
    "name": partial(_read_scope, "name"),
    "body": lambda record: record.log_record.body,
    "event_name": lambda record: getattr(record.log_record, "event_name", None),
    "exception": read_exception,
    "trace_id": _read_trace_id,
    "span_id": _read_span_id,
    "trace_flags": _read_trace_flags,
    "host": lambda record: resource_of(record).attributes.get("host.name") or _fields.HOST,
    "process": lambda _: os.getpid(),
    "program": lambda _: _fields.program(),
    "resource": lambda record: resource_of(record).attributes or None,
    "dropped_attributes": lambda record: record.dropped_attributes,
}
"""Fields with a reader of their own; in seconds since the epoch where they tell a time."""

_PREFIXES: Final[dict[str, Callable[[str, Any], Any]]] = {
    "context": _fields.read_context,
    "scope": _read_scope,
    "resource": _read_resource,
}


def attribute_names(field: str) -> tuple[str, ...]:
    """Return the names of the attributes that a field stands for; none where it is not one of them."""
    prefix, _, name = field.partition(".")
    if name and prefix in {"attributes", "record"}:
        return (name,)
    if name and prefix in _PREFIXES:
        return ()
    if field in ALIASES:
        return ALIASES[field]
    return () if field in READERS or field in {"message", "properties"} else (field,)


def field_reader(field: str) -> Read:
    """Return the function that reads a field."""
    names = attribute_names(field)
    if names:
        return partial(read_attributes, names)
    prefix, _, name = field.partition(".")
    if name and prefix in _PREFIXES:
        return partial(_PREFIXES[prefix], name)
    return READERS.get(field, _read_nothing)


def read_attributes(names: tuple[str, ...], record: Any) -> Any:
    """Return the first of these attributes that a record has."""
    attributes = attributes_of(record)
    return next((attributes[name] for name in names if name in attributes), None)


def _read_nothing(_: Any) -> None:
    return None
