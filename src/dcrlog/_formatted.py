"""The fields that a formatter of python-json-logger supplies: how they are captured, and read.

Pure, and python-json-logger is not imported: a formatter says itself what it is.
"""

import copy
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from dcrlog import _fields
from dcrlog._expanded import BUILT_IN, copied, expanded
from dcrlog._mapping import MappedColumn, with_own_names
from dcrlog._values import text

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "created": ("asctime",),
    "exception": ("exc_info", "exc_text", "stack_info"),
}
"""What else says the same as a field that a column took."""


def capturing(formatter: logging.Formatter | None) -> Callable[[logging.LogRecord], Any] | None:
    """Return what gives the dict that a formatter of python-json-logger would have written as JSON.

    None for any other formatter. It is captured from a copy, since `dictConfig` shares formatters.
    """
    origins = {kind.__module__.partition(".")[0] for kind in type(formatter).__mro__}
    if formatter is None or "pythonjsonlogger" not in origins:
        return None
    try:
        captured: Any = copy.copy(formatter)
        captured.serialize_log_record = _as_it_is
        format_: Callable[[logging.LogRecord], Any] = captured.format
    except Exception:  # one that cannot be copied: its text is the message, as with any other formatter
        return None
    return format_


def _as_it_is(data: Any) -> Any:
    return data


class Formatted:
    """A record, and the fields that its formatter made of it."""

    __slots__ = ("data", "record")

    def __init__(self, record: logging.LogRecord, data: dict[Any, Any]) -> None:
        self.record = record
        self.data = data


class FormattedSource(_fields.FieldSource):
    """What the row builders ask a formatted record.

    A field is what the formatter supplies under that name, or under the name to which it renames it; else
    logging's own attribute. What a hook has taken out stays out. A column that nobody mapped takes first
    what the formatter supplies under the column's own name.

    Attributes:
        columns: The columns, with their own names among the fields.
    """

    built_in = frozenset[str]()

    def __init__(
        self,
        columns: Sequence[MappedColumn],
        formatter: logging.Formatter,
        capture: Callable[[logging.LogRecord], Any],
    ) -> None:
        self.columns = with_own_names(columns)
        named = {field for column in columns for field in column.fields}
        self._takes_exception = "exception" in named
        self._takes_extra = "extra" in named or "record.extra" in named
        self._capture = capture
        self._renamed: Mapping[str, str] = getattr(formatter, "rename_fields", None) or {}
        self._writes_message = "message" in getattr(formatter, "_required_fields", ())

    def prepare(self, record: Any) -> Formatted:
        """Format a copy of the record, once, without the traceback where a column takes that."""
        if type(record) is Formatted:
            return record
        record = expanded(record, takes_extra=self._takes_extra)
        try:
            shown = copied(record)
            if self._takes_exception:
                shown.exc_info = shown.exc_text = shown.stack_info = None
            data = self._capture(shown)
            if type(data) is str:
                data = _parsed(data)
            if isinstance(data, dict):
                return Formatted(record, data)
            message = text(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raised = type(error).__name__
            message = f"{_fields.read_message(record)} [not formatted: {raised} in the formatter]"
        found = {name: value for name, value in record.__dict__.items() if name not in BUILT_IN}
        return Formatted(record, found | {self._renamed.get("message", "message"): message})

    def reader(self, fields: tuple[str, ...]) -> _fields.Read:
        """Return the function that reads the first of these fields that a record has."""
        names = tuple(name for field in fields for name in self._names(field))
        prefix, _, name = fields[-1].partition(".")
        if name and prefix == "context":
            return partial(_fields.read_context, name)
        if name and prefix == "record":
            return partial(_read_own, names, name)
        if fields[-1] == "message":
            return partial(_read_data, names, None if self._writes_message else _fields.read_message)
        if fields[-1] in {"trace_id", "span_id"}:
            # The current span is asked first, as without a formatter.
            return partial(_read_id, ("trace_id", "span_id").index(fields[-1]), names)
        if fields[-1] in _fields.COMPUTED:
            return partial(_read_data, names, _fields.COMPUTED[fields[-1]])
        return partial(_read_own, names, fields[-1] if fields[-1] in BUILT_IN else None)

    def _names(self, field: str) -> tuple[str, ...]:
        """Return the names under which the formatter may supply a field."""
        if field in {"exception", "host"} or field.startswith(("context.", "record.")):
            return ()
        return (self._renamed[field], field) if field in self._renamed else (field,)

    def attributes(self, fields: tuple[str, ...]) -> frozenset[str]:
        """Return the names that a column with these fields reads, or that say the same."""
        names = [name for field in fields for name in self._names(field)]
        also = [name for field in fields for name in _ALSO.get(field, ())]
        return frozenset(names + also + [self._renamed[name] for name in also if name in self._renamed])

    def read_message(self, record: Any) -> Any:
        """Return the message as the formatter supplies it."""
        return self.reader(("message",))(record)

    def extras(self, record: Any, taken: frozenset[str]) -> Iterator[tuple[Any, Any]]:
        """Yield name and value of what the formatter supplies and no column took."""
        return ((name, value) for name, value in list(record.data.items()) if name not in taken)


def _parsed(made: str) -> Any:
    try:
        return json.loads(made)
    except ValueError:
        return made


def _read_data(names: tuple[str, ...], otherwise: _fields.Read | None, formatted: Formatted) -> Any:
    for name in names:
        if name in formatted.data:
            return formatted.data[name]
    return otherwise(formatted.record) if otherwise is not None else None


def _read_own(names: tuple[str, ...], attribute: str | None, formatted: Formatted) -> Any:
    for name in names:
        if name in formatted.data:
            return formatted.data[name]
    return formatted.record.__dict__.get(attribute) if attribute is not None else None


def _read_id(place: int, names: tuple[str, ...], formatted: Formatted) -> Any:
    ids = _fields.otel_span_ids()
    return ids[place] if ids else _read_data(names, None, formatted)
