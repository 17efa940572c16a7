"""Which field fills which column: the default stream, `columns=` on top of it, or a rule's stream.

Pure. What a field's name means is said here once; `_fields` reads them from a record.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dcrlog.context import REQUEST_COLUMNS
from dcrlog.errors import ConfigError, shown
from dcrlog.schema import Column, ColumnType, Stream

DEFAULT_STREAM_NAME: Final = "Custom-AppLogs"

Defaults = tuple[tuple[str, str, str], ...]
"""Columns with their types and fields, for where neither a rule nor `columns=` says otherwise.

Where several fields stand with `|` between them, the first that a record has fills the column."""

DEFAULTS: Final[Defaults] = (
    ("TimeGenerated", "datetime", "created"),
    ("Level", "string", "levelname"),
    ("Logger", "string", "name"),
    ("Message", "string", "message"),
    ("Exception", "string", "exception"),
    ("TraceId", "string", "trace_id"),
    ("SpanId", "string", "span_id"),
    ("Host", "string", "host"),
    ("Process", "int", "process"),
    ("Thread", "string", "threadName"),
    ("Function", "string", "funcName"),
    ("Line", "int", "lineno"),
    ("Properties", "dynamic", "properties"),
    ("InstanceId", "string", "instance_id"),
    ("Seq", "long", "seq"),
)
"""Those of the stdlib front end."""

OTEL_DEFAULTS: Final[Defaults] = (
    *DEFAULTS[:-2],
    ("ServiceName", "string", "resource.service.name"),
    ("ServiceInstance", "string", "resource.service.instance.id"),
    ("Resource", "dynamic", "resource"),
    *DEFAULTS[-2:],
)
"""Those of the OpenTelemetry front ends, which know the service."""

STAMPED: Final = frozenset({"instance_id", "seq"})
"""Fields that are written into a row when its batch is packed, since only the queue knows them."""
_ONCE: Final = {
    "instance_id": (ColumnType.STRING,),
    "seq": (ColumnType.LONG,),
    "properties": (ColumnType.DYNAMIC, ColumnType.STRING),
}
"""Fields that one column at most can take, and the types it may have."""
_COMPUTED: Final = frozenset({"message", "exception", "trace_id", "span_id", "host", "properties", "program"})
_CONTEXT: Final = "context."
_REQUEST_FIELDS: Final = frozenset(
    entry["field"].removeprefix(_CONTEXT) for entry in REQUEST_COLUMNS.values()
)
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column and the field that fills it.

    Attributes:
        name: The column's name.
        type: Its declared type.
        fields: Names of fields; the first that the record has fills the column.
        fallback: Name of what `dcrlog.context` has bound, for records without any of these fields.
    """

    name: str
    type: ColumnType
    fields: tuple[str, ...]
    fallback: str | None = None

    @property
    def bound(self) -> str | None:
        """The name of what is read from `dcrlog.context`, by the field `context.<name>` or as fallback."""
        return self.fields[0].removeprefix(_CONTEXT) if self.fields[0].startswith(_CONTEXT) else self.fallback


def default_stream(name: str = DEFAULT_STREAM_NAME, defaults: Defaults = DEFAULTS) -> Stream:
    """Return the stream that rows have when neither a rule nor `columns` says otherwise."""
    return Stream(name, tuple(Column(column, ColumnType(kind)) for column, kind, _ in defaults))


def map_columns(
    stream: Stream | None, columns: Mapping[str, Any] | str | None, defaults: Defaults = DEFAULTS
) -> tuple[MappedColumn, ...]:
    """Decide which field fills each column.

    Args:
        stream: The rule's stream, which is then the whole truth; None for the default columns.
        columns: Field by column name, as text or as `{"field": ..., "type": ...}`; None removes a column.
            "request" stands for `dcrlog.context.REQUEST_COLUMNS`.
        defaults: The columns of the front end, and which field fills a rule's column of that name.

    Raises:
        ConfigError: A column is unknown to the rule, has another type there or a bad name.
    """
    base = default_stream(defaults=defaults) if stream is None else stream
    known = {column: field for column, _, field in defaults}
    mapped = {
        column.name: MappedColumn(column.name, column.type, *_fields_of(column.name, known))
        for column in base
    }
    columns = _given(columns, is_declared=stream is not None)
    # Values are read by key: in the mapping that dictConfig passes, only that resolves ext://.
    for name in columns:
        entry = columns[name]
        if stream is not None and name not in mapped:
            raise ConfigError(
                f"columns: stream {stream.name!r} of the rule has no column {shown(name)}. "
                f"It declares: {', '.join(column.name for column in stream)}."
            )
        if entry is None:
            if name not in mapped and name in {column for column, *_ in OTEL_DEFAULTS}:
                # One environment serves both kinds of front end.
                continue
            if name not in mapped:
                raise ConfigError(
                    f"columns[{shown(name)}] is None, but there is no such column to remove. "
                    f"There are: {', '.join(mapped)}."
                )
            del mapped[name]
        else:
            mapped[name] = _remap(name, entry, mapped.get(name), known, declared=stream is not None)
    _check_once(mapped.values())
    if all(STAMPED.intersection(column.fields) for column in mapped.values()):
        raise ConfigError(
            "columns leaves no column besides those for instance_id and seq; rows would be empty."
        )
    return tuple(mapped.values())


def _given(columns: Any, *, is_declared: bool) -> Mapping[str, Any]:
    """Return `columns` as a mapping, whatever was given."""
    if columns is None:
        return {}
    if columns == "request":
        # A rule says itself of which types its columns are.
        return {n: e["field"] for n, e in REQUEST_COLUMNS.items()} if is_declared else REQUEST_COLUMNS
    if not isinstance(columns, Mapping):
        raise ConfigError(
            f'columns must map a column\'s name to a field, or be "request", got {shown(columns)}.'
        )
    return columns


def with_own_names(
    columns: Iterable[MappedColumn], defaults: Defaults = DEFAULTS
) -> tuple[MappedColumn, ...]:
    """Return the columns, each that nobody mapped with its own name as its first field."""
    known = {column: field for column, _, field in defaults}
    return tuple(
        replace(column, fields=(column.name, *column.fields))
        if column.fields == _fields_of(column.name, known)[0] and not {column.name, *_ONCE} & {*column.fields}
        else column
        for column in columns
    )


def stream_of(name: str, mapped: Iterable[MappedColumn]) -> Stream:
    """Return the declaration that a rule needs for these columns."""
    return Stream(name, tuple(Column(column.name, column.type) for column in mapped))


def _remap(
    name: str, entry: object, column: MappedColumn | None, known: Mapping[str, str], *, declared: bool
) -> MappedColumn:
    where = f"columns[{shown(name)}]"
    if isinstance(entry, str):
        entry = {"field": entry}
    if not isinstance(entry, Mapping) or not entry or set(entry) - {"field", "type"}:
        raise ConfigError(
            f'{where} must be a field\'s name, {{"field": ..., "type": ...}} or None, got {shown(entry)}.'
        )
    kind = column.type if column else ColumnType.STRING
    if "type" in entry:
        kind = ColumnType.parse(entry["type"], where=where)
        if declared and column and kind is not column.type:
            raise ConfigError(
                f"{where}: the rule declares type {column.type}, not {kind}. Leave the type out here."
            )
    Stream("columns", (Column(name, kind),))  # refuses a bad name and the type guid
    if "field" not in entry:
        found = (column.fields, column.fallback) if column else _fields_of(name, known)
        return MappedColumn(name, kind, *found)
    field = entry["field"]
    if not isinstance(field, str) or not field:
        raise ConfigError(f"{where}: the field must be a name, got {shown(field)}.")
    return MappedColumn(name, kind, (field,))


def snake_case(column: str) -> str:
    """Return the name under which an extra mostly comes: `tenant_id` for `TenantID`."""
    return _WORD_START.sub("_", column).lower()


def _fields_of(column: str, known: Mapping[str, str]) -> tuple[tuple[str, ...], str | None]:
    """Return the fields of a column that nobody mapped, and what of a request fills it without them."""
    if column in known:
        return tuple(known[column].split("|")), None
    snake = snake_case(column)
    if snake in _COMPUTED:  # TraceID, HOST
        return (snake,), None
    fields = (column,) if snake == column else (column, snake)
    return fields, snake if snake in _REQUEST_FIELDS else None


def _check_once(mapped: Iterable[MappedColumn]) -> None:
    taken: dict[str, str] = {}
    for column in mapped:
        for field in column.fields:
            wanted = _ONCE.get(field)
            if wanted is None:
                continue
            if field in taken:
                raise ConfigError(
                    f"columns {taken[field]!r} and {column.name!r} both take the field {field!r}; "
                    "only one can."
                )
            if column.type not in wanted:
                raise ConfigError(
                    f"column {column.name!r} takes the field {field!r} and must be of type "
                    f"{' or '.join(wanted)}, not {column.type}. If it is another field, say which: "
                    f'columns={{{column.name!r}: "record.{field}"}}.'
                )
            taken[field] = column.name
