"""Compile columns into the function that turns a record into the bytes of a row.

Pure. Two builders share one meaning. The *quick* one is generated source for these very columns: it
handles records whose values already fit. At the first value that does not, or when anything raises,
the *careful* one starts over, column by column, and always ends with a row.
"""

import datetime as dt
import itertools
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from dcrlog import _fields, context
from dcrlog._careful import CarefulBuilder
from dcrlog._coerce import COERCE, INT_MAX, INT_MIN
from dcrlog._leaves import MAX_FIELD_BYTES, stamp
from dcrlog._mapping import STAMPED, MappedColumn
from dcrlog._redact import Redact
from dcrlog._values import LONG_MAX, LONG_MIN, REAL_MAX, plain
from dcrlog.schema import ColumnType

Build = Callable[[Any], bytes]
"""Takes a record; returns its row as a JSON object in UTF-8, never an empty one."""

_NEEDS_COERCION: Final = {
    ColumnType.STRING: "type({0}) is not str",
    ColumnType.INT: "(type({0}) is not int or not INT_MIN <= {0} <= INT_MAX)",
    ColumnType.LONG: "(type({0}) is not int or not LONG_MIN <= {0} <= LONG_MAX)",
    ColumnType.REAL: "(type({0}) is not float or not -REAL_MAX <= {0} <= REAL_MAX)",
    ColumnType.BOOLEAN: "type({0}) is not bool",
    ColumnType.DATETIME: "True",
    ColumnType.DYNAMIC: "type({0}) is not str",
}
"""When a value cannot stay as it is."""

_READ_BOUND: Final = (
    "if bound is None:",
    "    here = bound_here()",
    "    bound = EMPTY if here is None else here.fields()",
)
"""Reads what is bound around the caller, once a row and only where it is asked for."""


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
    careful = CarefulBuilder(filled, count=count, redact=redact, formatter=formatter)
    if redact is not None:
        return careful.build
    return StdlibQuick(filled, careful).compile()


class Quick:
    """Generates the quick builder. The source holds our own identifiers only.

    Every name, literal and pattern that came from a user arrives as a constant in the namespace.
    A subclass says how the fields of a kind of record are read.
    """

    _ready: ClassVar = frozenset({"properties"})
    """Fields whose value is ready for a dynamic column."""

    def __init__(self, columns: Sequence[MappedColumn], careful: CarefulBuilder) -> None:
        self._columns = columns
        self._careful = careful
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "INT_MAX": INT_MAX,
            "INT_MIN": INT_MIN,
            "LONG_MAX": LONG_MAX,
            "LONG_MIN": LONG_MIN,
            "MAX_FIELD_BYTES": MAX_FIELD_BYTES,
            "REAL_MAX": REAL_MAX,
            "SAFE": frozenset({str, bool, float, type(None)}),
            "TAKEN": careful.taken,
            "UTC": dt.UTC,
            "careful": careful.build,
            "EMPTY": context.EMPTY,
            "bound_here": context.bound_here.get,
            "encode": msgspec.json.Encoder().encode,
            "fromtimestamp": dt.datetime.fromtimestamp,
            "plain": plain,
            "read_message": careful.read_message,
            "stamp": stamp,
            "with_bound": careful.with_bound,
        }

    def compile(self) -> Build:
        self._preamble()
        if any(column.bound or "properties" in column.fields for column in self._columns):
            self._lines.append("bound = None")
        for number, column in enumerate(self._columns):
            self._fill(f"v{number}", column)
        arguments = ", ".join(f"v{number}" for number in range(len(self._columns)))
        fields = [(f"f{number}", object, None) for number in range(len(self._columns))]
        rename = {f"f{number}": column.name for number, column in enumerate(self._columns)}
        self._names["Row"] = msgspec.defstruct("Row", fields, rename=rename, omit_defaults=True, gc=False)
        body = "\n        ".join(self._lines)
        source = f"""
def build(record):
    try:
        {body}
        row = encode(Row({arguments}))
        if len(row) <= MAX_FIELD_BYTES and len(row) > 2:
            return row
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass
    return careful(record)
"""
        exec(compile(source, "<dcrlog row builder>", "exec"), self._names)
        build: Build = self._names["build"]
        return build

    def _preamble(self) -> None:
        """Write what comes before the first column."""
        raise NotImplementedError

    def _special(self) -> Mapping[str, Callable[[str], None]]:
        """Return what writes the reading of a field that is no attribute."""
        raise NotImplementedError

    def _fill_attribute(self, value: str, column: MappedColumn) -> None:
        """Write the reading of any other field."""
        raise NotImplementedError

    def _read_created(self, value: str) -> None:
        """Write the reading of the time of the event, as float seconds since the epoch."""
        raise NotImplementedError

    def _fill(self, value: str, column: MappedColumn) -> None:
        field = column.fields[0]
        if field == "created" and column.type is ColumnType.DATETIME:
            self._fill_created(value)
            return
        special = self._special().get(field)
        if special is None:
            self._fill_attribute(value, column)
        else:
            special(value)
        if column.fallback is not None:
            self._names[f"bound_{value}"] = column.fallback
            self._lines.append(f"if {value} is None:")
            self._lines += [f"    {line}" for line in _READ_BOUND]
            self._lines.append(f"    {value} = bound.get(bound_{value})")
        if field == "properties":
            self._lines += [*_READ_BOUND, f"if bound: {value} = with_bound({value}, bound)"]
        if field in self._ready and column.type is ColumnType.DYNAMIC:
            return
        self._fit(value, column)

    def _fit(self, value: str, column: MappedColumn) -> None:
        """Write what fits a value into the column's type, where it does not fit as it is."""
        self._names[f"coerce_{value}"] = COERCE[column.type]
        test = _NEEDS_COERCION[column.type].format(value)
        self._lines.append(f"if {test} and {value} is not None: {value} = coerce_{value}({value})")

    def _fill_created(self, value: str) -> None:
        # msgspec writes a whole second without decimals, and Auxiliary tables take six or nothing.
        self._read_created(value)
        self._lines.append(f"{value} = fromtimestamp({value}, UTC)")
        self._lines.append(f"if not {value}.microsecond: {value} = stamp({value})")

    def _fill_context(self, value: str, name: str) -> None:
        self._names[f"key_{value}"] = name
        self._lines += [*_READ_BOUND, f"{value} = bound.get(key_{value})"]

    def _fill_names(self, value: str, names: Sequence[str]) -> None:
        """Write the reading of the first of these names that the dict `d` has."""
        *others, first = reversed(names)
        # Extras are mostly written in snake_case, so that is looked up first; the column's own name wins.
        for number, name in enumerate((*others, first)):
            key = f"key{number}_{value}"
            self._names[key] = name
            self._lines.append(f"if {key} in d: {value} = d[{key}]" if number else f"{value} = get({key})")

    def _fill_host(self, value: str) -> None:
        self._names["HOST"] = _fields.HOST
        self._lines.append(f"{value} = HOST")

    def _fill_members(self, value: str, names: str) -> None:
        """Write the reading of those members of the dict `d` that no column took."""
        self._lines += [
            f"{value} = None",
            f"for name in {names}:",
            "    if name not in TAKEN:",
            "        if type(name) is not str: return careful(record)",
            "        member = d[name]",
            "        if type(member) not in SAFE: member = plain(member)",
            f"        if {value} is None: {value} = {{}}",
            f"        {value}[name] = member",
        ]


class StdlibQuick(Quick):
    """Reads the `__dict__` of a stdlib record."""

    def _preamble(self) -> None:
        self._names |= {
            "LAST": _fields.STANDARD[-1],
            "LogRecord": logging.LogRecord,
            "STANDARD": len(_fields.STANDARD) - 1,
            "islice": itertools.islice,
            "modules": sys.modules,
            "read_exception": _fields.read_exception,
            "span_ids": _fields.otel_span_ids,
        }
        self._lines += ["d = record.__dict__", "get = d.get"]
        if {"trace_id", "span_id"} & {field for column in self._columns for field in column.fields}:
            self._lines.append('ids = span_ids() if "opentelemetry.trace" in modules else None')

    def _special(self) -> Mapping[str, Callable[[str], None]]:
        return {
            "message": self._fill_message,
            "exception": self._fill_exception,
            "trace_id": self._fill_trace_id,
            "span_id": self._fill_span_id,
            "host": self._fill_host,
            "properties": self._fill_properties,
        }

    def _fill_attribute(self, value: str, column: MappedColumn) -> None:
        prefix, _, name = column.fields[0].partition(".")
        if name and prefix == "context":
            self._fill_context(value, name)
            return
        names = tuple(map(_fields.attribute_of, column.fields))
        if names[0] in _fields.STANDARD:
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
            f"    if type({value}) is not str: {value} = str({value})",
            "    args = d['args']",
            f"    if args: {value} = {value} % args",
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
