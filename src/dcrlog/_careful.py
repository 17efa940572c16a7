"""Build the row of a record column by column, so that no value can cost more than its own column.

Pure. This is the meaning of a row; the quick builder of `_rows` only gets there faster.
"""

import copy
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from dcrlog import _fields
from dcrlog._coerce import COERCE, Misfit
from dcrlog._cut import cut_row
from dcrlog._mapping import MappedColumn
from dcrlog._redact import REDACTED, Redact
from dcrlog._values import MAX_FIELD_BYTES, plain, stamp, text, utc
from dcrlog.schema import ColumnType

MAX_ROW_BYTES: Final = 950_000
"""A row must leave room in a body for brackets and for the `Seq` and `InstanceId` it is stamped with."""

_encode: Final = msgspec.json.Encoder().encode
_KEPT: Final = frozenset({"created", "levelname", "name", "host", "process", "threadName", "lineno"})
"""Fields that stay in a row whose redactor failed: nothing an application puts secrets into."""


class CarefulBuilder:
    """Builds rows one guarded column at a time.

    Attributes:
        taken: Names of attributes that are not `extra` fields, or that a column took.
        formatter: The formatter that supplies the message, if one does.
    """

    def __init__(
        self,
        columns: Sequence[MappedColumn],
        *,
        count: Callable[[str, int], None],
        redact: Redact | None,
        formatter: logging.Formatter | None,
    ) -> None:
        self.taken = _fields.BUILT_IN.union(*(_fields.attributes(column.fields) for column in columns))
        self.formatter = formatter
        self._columns = [(column, _fields.reader(column.fields)) for column in columns]
        self._types = {column.name: column.type for column in columns}
        self._has_exception = any("exception" in column.fields for column in columns)
        self._properties = next((column.name for column in columns if "properties" in column.fields), None)
        self._count = count
        self._redact = redact
        self._empty = b'"%b":null}' % columns[0].name.encode()
        strings = (column.name.encode() for column in columns if column.type is ColumnType.STRING)
        self._failed = next((b'"%b":"[the row could not be built]"}' % name for name in strings), self._empty)

    def read_message(self, record: logging.LogRecord) -> str:
        """Return the record's message, from the formatter where one is set.

        Formatters write on the record they format, so it gets a copy; and the traceback is left out
        where a column of its own has it.
        """
        if self.formatter is None:
            return _fields.read_message(record)
        try:
            shown = copy.copy(record)
            if self._has_exception:
                shown.exc_info = shown.exc_text = shown.stack_info = None
            return self.formatter.format(shown)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return f"{_fields.read_message(record)} [not formatted: {type(error).__name__} in the formatter]"

    def build(self, record: logging.LogRecord) -> bytes:
        """Return the row as JSON without the opening brace. Never raises."""
        try:
            return self._build(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # MemoryError, or RecursionError at the end of the application's stack.
            return self._failed

    def _build(self, record: logging.LogRecord) -> bytes:
        row: dict[str, Any] = {}
        misfits: dict[str, str] = {}
        for column, read in self._columns:
            if "properties" in column.fields:
                continue
            value = self._read(column, read, record)
            try:
                made = COERCE[column.type](value)
            except Misfit:
                misfits[column.fields[-1]] = text(value)
                continue
            if made is not None:
                row[column.name] = made
        if misfits:
            self._count("misfits", len(misfits))
        if self._properties is not None:
            self._fill_properties(row, record, misfits)
        if self._redact is not None:
            row = self._redacted(row)
        return self._encode_within_limits(row)[1:] if row else self._empty

    def _read(self, column: MappedColumn, read: _fields.Read, record: logging.LogRecord) -> Any:
        try:
            if column.fields[0] == "message":
                return self.read_message(record)
            if column.fields[0] == "created" and column.type is ColumnType.DATETIME:
                return stamp(utc(record.created))
            return read(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A row without TimeGenerated gets the time of arrival from the service.
            return None if column.type is ColumnType.DATETIME else f"[unreadable: {type(error).__name__}]"

    def _fill_properties(
        self, row: dict[str, Any], record: logging.LogRecord, misfits: dict[str, str]
    ) -> None:
        names = _fields.extra_names(record, self.taken)
        extras = {name: record.__dict__.get(name) for name in names}
        found = plain({**extras, **misfits})
        if found and self._properties is not None:
            row[self._properties] = COERCE[self._types[self._properties]](found)

    def _redacted(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            made = self._redact(row) if self._redact else row
            # A callable of the user's may have put anything into the row.
            return {name: plain(made[name]) for name in self._types if made.get(name) is not None}
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._count("misfits", 1)
            kept = {column.name for column, _ in self._columns if column.fields[0] in _KEPT}
            failed = f"{REDACTED[:-1]}: the redactor raised {type(error).__name__}]"
            return {
                name: value if name in kept else failed
                for name, value in row.items()
                if name in kept or self._types[name] is ColumnType.STRING
            }

    def _encode_within_limits(self, row: dict[str, Any]) -> bytes:
        try:
            encoded = _encode(row)
        except UnicodeEncodeError:
            row = {name: _escape_surrogates(value) for name, value in row.items()}
            encoded = _encode(row)
        # A value over the limit makes a row over the limit, so most rows need no look at their values.
        limit = MAX_FIELD_BYTES
        while len(encoded) > limit:
            row, cut = cut_row(row, limit)
            if cut:
                self._count("truncated", cut)
                encoded = _encode(row)
            if len(encoded) <= MAX_ROW_BYTES:
                break
            limit //= 2
        return encoded


def _escape_surrogates(value: Any) -> Any:
    """Write lone surrogates, which UTF-8 cannot carry, as the text of their escape."""
    if type(value) is str:
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is dict:
        return {_escape_surrogates(key): _escape_surrogates(member) for key, member in value.items()}
    if type(value) is list:
        return [_escape_surrogates(member) for member in value]
    return value
