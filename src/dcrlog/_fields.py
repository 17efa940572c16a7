"""Fields of a stdlib record: how each is read, without ever writing to the record.

A field is an attribute of the record (built-in or from `extra`) or one of the names in `COMPUTED`;
`record.<name>` always means the attribute, `context.<name>` what `dcrlog.context` has bound.
"""

import logging
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, Protocol

from dcrlog import context
from dcrlog._expanded import BUILT_IN, expanded
from dcrlog._levels import LEVEL_FIELDS
from dcrlog._own_threads import TRACE_ID
from dcrlog._values import text

Read = Callable[[Any], Any]
"""Takes a record; returns a field's value, or None."""


class FieldSource(Protocol):
    """What the row builders ask a kind of record."""

    built_in: frozenset[str]
    """Names of attributes that are never `extra` fields."""

    def prepare(self, record: Any) -> Any:
        """Return the record from which the fields of a row are read."""
        ...

    def reader(self, fields: tuple[str, ...]) -> Read:
        """Return the function that reads the first of these fields that a record has."""
        ...

    def attributes(self, fields: tuple[str, ...]) -> frozenset[str]:
        """Return the names of the attributes that a column with these fields reads."""
        ...

    def read_message(self, record: Any) -> Any:
        """Return what the message column takes."""
        ...

    def extras(self, record: Any, taken: frozenset[str]) -> Iterator[tuple[Any, Any]]:
        """Yield name and value of the `extra` fields that no column took."""
        ...


_format_exception: Final = logging.Formatter().formatException


def read_message(record: logging.LogRecord) -> str:
    """Return the formatted message; one whose arguments do not fit its text shows both."""
    try:
        return record.getMessage()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return f"{text(record.msg)} [not formatted: {type(error).__name__}; arguments {text(record.args)}]"


def read_exception(record: logging.LogRecord) -> str | None:
    """Return the traceback's text, and after it the stack's where `stack_info` asked for one."""
    told = record.exc_text
    raised: Any = record.exc_info
    if isinstance(raised, BaseException):
        raised = (type(raised), raised, raised.__traceback__)
    # logger.exception() outside of an except block makes (None, None, None); hand-made records have
    # True, or text.
    if isinstance(raised, tuple) and len(raised) == 3 and raised[0] is not None:
        told = format_exception(raised) or told
    if record.stack_info:
        return f"{told}\n{record.stack_info}" if told else record.stack_info
    return told or None


def format_exception(raised: Any) -> str:
    """Return the traceback's text of the three that `sys.exc_info` returns."""
    try:
        return _format_exception(raised)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        return text(raised[1])


def otel_span_ids() -> tuple[str, str] | None:
    """Return the ids of the current OpenTelemetry span, once the application has imported it.

    We never import it: what the application does not use costs it nothing.
    """
    context = sys.modules.get("opentelemetry.context")
    # Asking for the current context costs a third of asking for the span, and mostly there is none.
    if context is None or not context.get_current():
        return None
    span = sys.modules["opentelemetry.trace"].get_current_span()
    found = span.get_span_context()
    if not found.is_valid or found.trace_id == TRACE_ID:
        # The senders' own is no trace that anybody finds.
        return None
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"


def read_trace_id(record: logging.LogRecord) -> Any:
    """Return the id of the current span's trace, else the extra `trace_id`, else None."""
    ids = otel_span_ids()
    return ids[0] if ids else record.__dict__.get("trace_id")


def _read_span_id(record: logging.LogRecord) -> Any:
    ids = otel_span_ids()
    return ids[1] if ids else record.__dict__.get("span_id")


def _read_host(_: logging.LogRecord) -> str:
    return HOST


def program() -> str:
    """Return the name of the program that runs: of its file, or of the package behind `python -m`."""
    path = sys.argv[0] if sys.argv else ""
    head, name = os.path.split(path)
    return os.path.basename(head) if name == "__main__.py" else name or "python"  # noqa: PTH119


def _read_level(convert: Callable[[int], object], record: logging.LogRecord) -> object:
    return convert(record.levelno)


HOST: Final = os.uname().nodename if hasattr(os, "uname") else platform.node()

COMPUTED: Final[dict[str, Read]] = {
    "message": read_message,
    "exception": read_exception,
    "trace_id": read_trace_id,
    "span_id": _read_span_id,
    "host": _read_host,
    "program": lambda _: program(),
    **{field: partial(_read_level, convert) for field, convert in LEVEL_FIELDS.items()},
}


def attribute_of(field: str) -> str:
    """Return the name of the attribute that a field stands for."""
    # One environment serves OpenTelemetry's front ends, too, which call an extra an attribute.
    prefix, _, name = field.partition(".")
    return name if name and prefix in {"record", "attributes"} else field


def _read_attributes(names: tuple[str, ...], record: logging.LogRecord) -> Any:
    for name in names:
        if name in record.__dict__:
            return record.__dict__[name]
    return None


def read_context(name: str, _: object) -> Any:
    """Return what `dcrlog.context` has bound under a name."""
    return context.current().get(name)


class StdlibSource(FieldSource):
    """What the row builders ask a stdlib record.

    Args:
        fields: Names of all the fields that columns take.
    """

    built_in = BUILT_IN

    def __init__(self, fields: Iterable[str]) -> None:
        self.takes_extra = "extra" in map(attribute_of, fields)

    def prepare(self, record: Any) -> Any:
        """Return the record with the fields of structlog and loguru as attributes."""
        return expanded(record, takes_extra=self.takes_extra)

    def reader(self, fields: tuple[str, ...]) -> Read:
        """Return the function that reads the first of these fields that a record has."""
        if fields[0] in COMPUTED:
            return COMPUTED[fields[0]]
        prefix, _, name = fields[0].partition(".")
        if name and prefix == "context":
            return partial(read_context, name)
        return partial(_read_attributes, tuple(map(attribute_of, fields)))

    def attributes(self, fields: tuple[str, ...]) -> frozenset[str]:
        """Return the names of the attributes that a column with these fields reads."""
        if fields[0] in {"trace_id", "span_id"}:
            return frozenset(fields)
        if fields[0] in COMPUTED or fields[0] == "properties" or fields[0].startswith("context."):
            return frozenset()
        return frozenset(attribute_of(field) for field in fields)

    def read_message(self, record: logging.LogRecord) -> str:
        """Return the formatted message."""
        return read_message(record)

    def extras(self, record: logging.LogRecord, taken: frozenset[str]) -> Iterator[tuple[Any, Any]]:
        """Yield name and value of the `extra` fields that no column took."""
        return ((name, record.__dict__.get(name)) for name in list(record.__dict__) if name not in taken)
