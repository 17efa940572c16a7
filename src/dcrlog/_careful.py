"""Build the row of a record column by column, so that no value can cost more than its own column.

Pure. This is the meaning of a row; the quick builder of `_rows` only gets there faster.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from dcrlog import _fields, context
from dcrlog._coerce import COERCE, Misfit
from dcrlog._cut import encode_cut
from dcrlog._expanded import copied
from dcrlog._leaves import MAX_FIELD_BYTES
from dcrlog._mapping import MappedColumn
from dcrlog._redact import REDACTED, Redact, Redactor
from dcrlog._values import escape_surrogates, plain, text
from dcrlog.schema import ColumnType

MAX_ROW_BYTES: Final = 950_000
"""A row must leave room in a body for brackets and for the `Seq` and `InstanceId` it is stamped with."""

_encode: Final = msgspec.json.Encoder().encode
_KEPT: Final = frozenset({"created", "levelname", "name", "host", "process", "threadName", "lineno"})
"""Fields that stay in a row whose redactor failed: nothing an application puts secrets into."""
_WITHHELD: Final = f"{REDACTED[:-1]}: the redactor raised "
_TAKES_TEXT: Final = frozenset({ColumnType.STRING, ColumnType.DYNAMIC})


class CarefulBuilder:
    """Builds rows one guarded column at a time.

    Attributes:
        taken: Names of attributes that are not `extra` fields, or that a column took.
        bound: Names of what columns took from `dcrlog.context`.
        formatter: The formatter that supplies the message, if one does.
        source: What a record's fields are read with.
    """

    def __init__(
        self,
        columns: Sequence[MappedColumn],
        *,
        count: Callable[[str, int], None],
        redact: Redact | None,
        formatter: logging.Formatter | None,
        source: _fields.FieldSource | None = None,
    ) -> None:
        if source is None:
            source = _fields.StdlibSource(field for column in columns for field in column.fields)
        self.source = source
        self.taken = source.built_in.union(*(source.attributes(column.fields) for column in columns))
        self.bound = frozenset(column.bound for column in columns)
        self.formatter = formatter
        self._columns = [(column, source.reader(column.fields)) for column in columns]
        self._types = {column.name: column.type for column in columns}
        self._has_exception = any("exception" in column.fields for column in columns)
        self._properties = next((column.name for column in columns if "properties" in column.fields), None)
        self._count = count
        self._redact = redact
        self._redactor = redact if isinstance(redact, Redactor) else None
        self._secret = {
            column.name
            for column in columns
            if self._redactor is not None and any(map(self._redactor.is_secret, column.fields))
        }
        self._empty = b'{"%b":null}' % columns[0].name.encode()
        strings = (column.name.encode() for column in columns if column.type is ColumnType.STRING)
        self._failed = next(
            (b'{"%b":"[the row could not be built]"}' % name for name in strings), self._empty
        )

    def read_message(self, record: Any) -> Any:
        """Return the record's message, from the formatter where one is set.

        Formatters write on the record they format, so it gets a copy; and the traceback is left out
        where a column of its own has it.
        """
        if self.formatter is None:
            return self.source.read_message(record)
        try:
            shown = copied(record)
            if self._has_exception:
                shown.exc_info = shown.exc_text = shown.stack_info = None
            return self.formatter.format(shown)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return (
                f"{self.source.read_message(record)} [not formatted: {type(error).__name__} in the formatter]"
            )

    def build(self, record: Any) -> bytes:
        """Return the row as a JSON object in UTF-8. Never raises."""
        try:
            return self._build(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # MemoryError, or RecursionError at the end of the application's stack.
            return self._failed

    def _build(self, record: Any) -> bytes:
        record = self._prepared(record)
        row: dict[str, Any] = {}
        misfits: dict[str, str] = {}
        count = 0
        for column, read in self._columns:
            if "properties" in column.fields:
                continue
            value = self._clean(self._read(column, read, record))
            try:
                made = COERCE[column.type](value)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                count += 1
                misfits[column.fields[-1]] = text(value)
                continue
            if made is not None:
                row[column.name] = made
        if count:
            self._count("misfits", count)
        if self._properties is not None:
            found = self.with_bound(self._extras(record) | misfits, context.current())
            if found:
                # Its members are plain already.
                is_text = self._types[self._properties] is ColumnType.STRING
                row[self._properties] = text(self._clean(found)) if is_text else found
        if self._redact is not None:
            row = self._redacted(row)
        return self._encode_within_limits(row) if row else self._empty

    def _prepared(self, record: Any) -> Any:
        try:
            return self.source.prepare(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            return record

    def _read(self, column: MappedColumn, read: _fields.Read, record: Any) -> Any:
        try:
            if column.fields[0] == "message":
                return self.read_message(record)
            value = read(record)
            if value is None and column.fallback is not None:
                value = context.current().get(column.fallback)
            return value
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A row without TimeGenerated gets the time of arrival from the service.
            return None if column.type is ColumnType.DATETIME else f"[unreadable: {type(error).__name__}]"

    def with_bound(self, found: dict[str, Any] | None, bound: Mapping[str, object]) -> dict[str, Any] | None:
        """Add what is bound around the caller, and no column took, to the `extra` fields, which win."""
        for name, value in bound.items():
            if value is not None and name not in self.bound and (found is None or name not in found):
                found = {} if found is None else found
                found[name] = plain(value)
        return found

    def _extras(self, record: Any) -> dict[str, Any]:
        try:
            return {text(name): plain(value) for name, value in self.source.extras(record, self.taken)}
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return {"...": f"[unreadable: {type(error).__name__}]"}

    def _clean(self, value: Any) -> Any:
        """Redact inside a container before a string column makes text of it."""
        return value if self._redactor is None else self._guarded(self._redactor.clean, value)

    def _redacted(self, row: dict[str, Any]) -> dict[str, Any]:
        redactor = self._redactor
        if redactor is not None:
            return self._refitted({name: self._guarded(redactor.field, name, row[name]) for name in row})
        try:
            # A copy, since a callable of the user's may change what it gets and then fail.
            return self._refitted(self._redact(dict(row)) if self._redact else row)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # Of a callable that has the whole row nobody can tell which value it has failed at.
            kept = {column.name for column, _ in self._columns if column.fields[-1] in _KEPT}
            withheld = {name: self._withheld(error) for name in row if name not in kept}
            return {
                name: withheld.get(name, value)
                for name, value in row.items()
                if name in kept or self._types[name] in _TAKES_TEXT
            }

    def _guarded(self, redact: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return redact(*arguments)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return self._withheld(error)

    def _withheld(self, error: BaseException) -> str:
        """Return what a row has in place of a value that could not be redacted; never what was raised."""
        self._count("withheld", 1)
        return f"{_WITHHELD}{type(error).__name__}]"

    def _refitted(self, row: dict[str, Any]) -> dict[str, Any]:
        """Fit a redacted row into its columns again: a callable may have put anything into it."""
        result = {}
        for name, kind in self._types.items():
            value = row.get(name)
            if value is not None and name in self._secret:
                value = REDACTED
            try:
                made = COERCE[kind](value)
            except Misfit:
                # A mark in place of a number has no place in its column, and that is no misfit.
                if value != REDACTED and not (type(value) is str and value.startswith(_WITHHELD)):
                    self._count("misfits", 1)
                continue
            if made is not None:
                result[name] = made
        return result

    def _encode_within_limits(self, row: dict[str, Any]) -> bytes:
        try:
            encoded = _encode(row)
        except UnicodeEncodeError:
            row = escape_surrogates(row)
            encoded = _encode(row)
        # A value over the limit makes a row over the limit, so most rows need no look at their values.
        if len(encoded) <= MAX_FIELD_BYTES:
            return encoded
        made, cut = encode_cut(row, encoded, MAX_ROW_BYTES)
        if made is None:
            made, cut = self._failed, len(row)
        if cut:
            self._count("truncated", cut)
        return made
