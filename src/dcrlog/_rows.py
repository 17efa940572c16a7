"""Compile columns into the function that turns a record into the bytes of a row.

Pure. Two builders share one meaning. The *quick* one is generated source for these very columns: it
handles records whose values already fit. At the first value that does not, or when anything raises,
the *careful* one starts over, column by column, and always ends with a row.
"""

import itertools
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dcrlog import _fields
from dcrlog._careful import CarefulBuilder
from dcrlog._expanded import STANDARD, has_loguru_extra, is_wrapped
from dcrlog._formatted import FormattedSource, capturing
from dcrlog._levels import LEVEL_FIELDS
from dcrlog._mapping import STAMPED, MappedColumn
from dcrlog._quick import Build, Quick
from dcrlog._redact import Redact

_EXPAND: Final = "return build(expanded(record))"
"""Starts over with the fields of structlog or loguru as attributes, of which that is none any more."""


def compile_own(columns: Sequence[MappedColumn]) -> Build:
    """Compile the builder of rows of our own, whose values count for nothing in the accounts."""
    return compile_builder(columns, count=lambda *_: None)


def compile_builder(
    columns: Sequence[MappedColumn],
    *,
    count: Callable[[str, int], None],
    redact: Redact | None = None,
    formatter: logging.Formatter | None = None,
) -> Build:
    """Compile the row builder of one handler.

    Args:
        columns: The columns and the fields that fill them.
        count: Called with the name of a counter of `Stats` and a number.
        redact: Takes secrets out of a finished row.
        formatter: Supplies the message in place of the record's own.
    """
    filled = [column for column in columns if not STAMPED.intersection(column.fields)]
    capture = capturing(formatter)
    if formatter is not None and capture is not None:
        source = FormattedSource(filled, formatter, capture)
        careful = CarefulBuilder(source.columns, count=count, redact=redact, formatter=None, source=source)
        return careful.build if redact is not None else FormattedQuick(source.columns, careful).compile()
    careful = CarefulBuilder(filled, count=count, redact=redact, formatter=formatter)
    return careful.build if redact is not None else StdlibQuick(filled, careful).compile()


class StdlibQuick(Quick):
    """Reads the `__dict__` of a stdlib record."""

    def _preamble(self) -> None:
        self._names |= {
            "LAST": STANDARD[-1],
            "LogRecord": logging.LogRecord,
            "STANDARD": len(STANDARD) - 1,
            "expanded": self._careful.source.prepare,
            "has_loguru_extra": has_loguru_extra,
            "is_wrapped": is_wrapped,
            "islice": itertools.islice,
            "modules": sys.modules,
            "read_exception": _fields.read_exception,
            "span_ids": _fields.otel_span_ids,
        }
        self._lines += ["d = record.__dict__", "get = d.get"]
        named = {field for column in self._columns for field in column.fields}
        # With such a column, they are found in passing.
        if "message" not in named or self._careful.formatter is not None:
            self._lines.append(f"if is_wrapped(d): {_EXPAND}")
        if "properties" not in named and "extra" not in self._careful.taken:
            self._lines.append(f"if 'extra' in d and has_loguru_extra(d): {_EXPAND}")
        if {"trace_id", "span_id"} & {field for column in self._columns for field in column.fields}:
            self._lines.append('ids = span_ids() if "opentelemetry.trace" in modules else None')

    def _special(self) -> Mapping[str, Callable[[str], None]]:
        return {
            "message": self._fill_message,
            "exception": self._fill_exception,
            "trace_id": self._fill_trace_id,
            "span_id": self._fill_span_id,
            "host": self._fill_host,
            "program": self._fill_program,
            "properties": self._fill_properties,
        }

    def _fill_attribute(self, value: str, column: MappedColumn) -> None:
        prefix, _, name = column.fields[0].partition(".")
        if name and prefix == "context":
            self._fill_context(value, name)
            return
        if column.fields[0] in LEVEL_FIELDS:
            self._names[f"convert_{value}"] = LEVEL_FIELDS[column.fields[0]]
            self._lines.append(f"{value} = convert_{value}(d['levelno'])")
            return
        names = tuple(map(_fields.attribute_of, column.fields))
        if names[0] in STANDARD:
            self._names[f"key_{value}"] = names[0]
            self._lines.append(f"{value} = d[key_{value}]")
        else:
            self._fill_names(value, names)

    def _read_created(self, value: str) -> None:
        self._lines += [
            f"{value} = d['created']",
            f"if type({value}) is not float: return careful(record)",
        ]

    def _fill_message(self, value: str) -> None:
        if self._careful.formatter is not None:
            self._lines.append(f"{value} = read_message(record)")
            return
        # The first branch is LogRecord.getMessage, inlined.
        self._lines += [
            "if type(record) is LogRecord:",
            f"    {value} = d['msg']",
            f"    if type({value}) is not str:",
            f"        if is_wrapped(d): {_EXPAND}",
            f"        {value} = str({value})",
            "    args = d['args']",
            f"    if args: {value} = {value} % args",
            f"elif is_wrapped(d): {_EXPAND}",
            "else:",
            f"    {value} = record.getMessage()",
        ]

    def _fill_exception(self, value: str) -> None:
        self._lines.append(
            f"{value} = read_exception(record) if d['exc_info'] or d['exc_text'] or d['stack_info'] else None"
        )

    def _fill_trace_id(self, value: str) -> None:
        self._lines.append(f"{value} = d.get('trace_id') if ids is None else ids[0]")

    def _fill_span_id(self, value: str) -> None:
        self._lines.append(f"{value} = d.get('span_id') if ids is None else ids[1]")

    def _fill_properties(self, value: str) -> None:
        # logging sets its own attributes first, so `extra` stands behind the last of them.
        self._lines += [
            "names = islice(d, STANDARD, None)",
            "if next(names, None) != LAST: names = d",
        ]
        self._fill_members(value, "names")

    def _odd_member(self) -> Sequence[str]:
        # A name in TAKEN never gets here, so that a column which takes `extra` as a whole keeps it.
        return (f"            if name == 'extra' and has_loguru_extra(d): {_EXPAND}",)


class FormattedQuick(Quick):
    """Reads what a formatter of python-json-logger supplies."""

    def _preamble(self) -> None:
        self._names["prepare"] = self._careful.source.prepare
        self._lines += ["record = prepare(record)", "d = record.data"]

    def _special(self) -> Mapping[str, Callable[[str], None]]:
        return {"properties": lambda value: self._fill_members(value, "d")}

    def _fill_attribute(self, value: str, column: MappedColumn) -> None:
        self._names[f"read_{value}"] = self._careful.source.reader(column.fields)
        self._lines.append(f"{value} = read_{value}(record)")

    def _fill_created(self, value: str, column: MappedColumn) -> None:
        self._fill_attribute(value, column)
        self._fit(value, column)
