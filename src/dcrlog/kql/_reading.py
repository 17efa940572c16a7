"""The two edges: a JSON row to the values of the declared columns, and values to a JSON row.

Values are coerced as the service does it: what does not fit its column is null, and nothing raises.
"""

from collections.abc import Mapping
from typing import Any, Final

from dcrlog.errors import ConfigError, shown
from dcrlog.kql._casts import (
    text_to_guid,
    text_to_int,
    text_to_long,
    text_to_real,
    to_int,
    to_long,
)
from dcrlog.kql._dynamic import cleaned, finite, number_to_real, to_json
from dcrlog.kql._emit import Emitter
from dcrlog.kql._ticks import format_datetime, format_timespan, parse_datetime
from dcrlog.kql._typed import Local, Typed
from dcrlog.kql._types import Type, parse_type


def _read_string(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else to_json(value)


def _read_int(value: Any) -> int | None:
    if value.__class__ is str:
        return text_to_int(value)
    return to_int(int(value)) if _is_whole(value) else None


def _read_long(value: Any) -> int | None:
    if value.__class__ is str:
        return text_to_long(value)
    return to_long(int(value)) if _is_whole(value) else None


def _is_whole(value: Any) -> bool:
    return value.__class__ is int or (value.__class__ is float and value.is_integer())


def _read_real(value: Any) -> float | None:
    if value.__class__ is str:
        return text_to_real(value)
    return number_to_real(value) if value.__class__ in {int, float} else None


def _read_bool(value: Any) -> bool | None:
    if value.__class__ is str:
        return {"true": True, "false": False}.get(value.lower())
    return value if value.__class__ is bool else None


def _read_datetime(value: Any) -> int | None:
    return parse_datetime(value) if value.__class__ is str else None


def _read_guid(value: Any) -> str | None:
    return text_to_guid(value) if value.__class__ is str else None


_READERS: Final = {
    Type.STRING: (_read_string, "{0}.__class__ is not str"),
    Type.INT: (_read_int, "{0}.__class__ is not int or not -2147483648 <= {0} <= 2147483647"),
    Type.LONG: (
        _read_long,
        "{0}.__class__ is not int or not -9223372036854775808 <= {0} <= 9223372036854775807",
    ),
    Type.REAL: (_read_real, "{0}.__class__ is not float"),
    Type.BOOL: (_read_bool, "{0} is not True and {0} is not False"),
    Type.DATETIME: (_read_datetime, "{0} is not None"),
    Type.GUID: (_read_guid, "{0} is not None"),
    Type.DYNAMIC: (cleaned, "{0}.__class__ is not str"),
}
"""What reads a value of a column, and when a value of JSON has to be read at all."""


_WRITERS: Final = {
    Type.DATETIME: (format_datetime, ""),
    Type.TIMESPAN: (format_timespan, ""),
    # JSON has neither NaN nor infinity.
    Type.REAL: (finite, "{0} - {0} != 0"),
}


def column_types(columns: Mapping[str, str], place: str = "") -> dict[str, Type]:
    """Return the types of declared columns by name.

    Args:
        columns: Name to type, as a stream declares it.
        place: What a message begins with, to say where the columns are declared.

    Raises:
        ConfigError: A column's type is none.
    """
    found: dict[str, Type] = {}
    for name, text in columns.items():
        of = parse_type(text)
        if of is None or of not in _READERS:
            raise ConfigError(f"{place}column {name!r}: {shown(text)} is not a type of a column.")
        found[name] = of
    return found


def emit_reading(emitter: Emitter, name: str, column: Local) -> list[str]:
    """Return the lines that read a column of `row`."""
    return [f"{column.identifier} = get({emitter.constant(name)})", emit_coercing(emitter, column)]


def emit_coercing(emitter: Emitter, column: Local) -> str:
    """Return the line that makes a column's value of the JSON value that is in its variable."""
    read, test = _READERS[column.type]
    identifier = column.identifier
    return f"if {test.format(identifier)}: {identifier} = {emitter.constant(read)}({identifier})"


def emit_writing(emitter: Emitter, value: Typed) -> str:
    """Return the code of a value as JSON has it."""
    code = emitter.value(value)
    if value.type not in _WRITERS:
        return code
    write, test = _WRITERS[value.type]
    called = f"{emitter.constant(write)}({code})"
    if test:
        known = f"{code} is not None and " if value.nullable else ""
        return f"({called} if {known}{test.format(code)} else {code})"
    return f"(None if {code} is None else {called})" if value.nullable else called
