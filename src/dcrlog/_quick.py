"""Generate the source of the quick row builder for a set of columns; what they read is a subclass's matter.

Pure. The careful builder is the meaning of a row; this one only gets there faster.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from dcrlog import _fields, context
from dcrlog._careful import CarefulBuilder
from dcrlog._coerce import COERCE, INT_MAX, INT_MIN
from dcrlog._leaves import MAX_FIELD_BYTES, stamp
from dcrlog._mapping import MappedColumn
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
            self._fill_created(value, column)
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

    def _fill_created(self, value: str, _: MappedColumn) -> None:
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

    def _odd_member(self) -> Sequence[str]:
        """Return what is done, before all else, with a member that is no plain scalar."""
        return ()

    def _fill_host(self, value: str) -> None:
        self._names["HOST"] = _fields.HOST
        self._lines.append(f"{value} = HOST")

    def _fill_program(self, value: str) -> None:
        self._names["PROGRAM"] = _fields.program()
        self._lines.append(f"{value} = PROGRAM")

    def _fill_members(self, value: str, names: str) -> None:
        """Write the reading of those members of the dict `d` that no column took."""
        self._lines += [
            f"{value} = None",
            f"for name in {names}:",
            "    if name not in TAKEN:",
            "        if type(name) is not str: return careful(record)",
            "        member = d[name]",
            "        if type(member) not in SAFE:",
            *self._odd_member(),
            "            member = plain(member)",
            f"        if {value} is None: {value} = {{}}",
            f"        {value}[name] = member",
        ]
