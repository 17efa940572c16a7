"""What the row builders ask an OpenTelemetry log record.

Pure, and without OpenTelemetry.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from dcrlog._fields import FieldSource, Read
from dcrlog._mapping import MappedColumn
from dcrlog._otel_fields import (
    EXCEPTION,
    attribute_names,
    attributes_of,
    field_reader,
    is_structure,
    read_attributes,
)
from dcrlog._values import plain


class OtelSource(FieldSource):
    """Reads the fields of one set of columns.

    Args:
        columns: The columns; what none of them takes is for the dynamic one.
    """

    built_in = frozenset[str]()

    def __init__(self, columns: Sequence[MappedColumn]) -> None:
        taken = {field for column in columns for field in column.fields}
        self._has_properties = "properties" in taken
        self._takes_body = "body" in taken
        self._takes_event_name = "event_name" in taken

    def prepare(self, record: Any) -> Any:
        """Return the record as it is."""
        return record

    def reader(self, fields: tuple[str, ...]) -> Read:
        """Return the function that reads the first of these fields that a record has."""
        names = [attribute_names(field) for field in fields]
        if all(names):
            return partial(read_attributes, tuple(chain.from_iterable(names)))
        if len(fields) == 1:
            return field_reader(fields[0])
        return partial(_read_first, [field_reader(field) for field in fields])

    def attributes(self, fields: tuple[str, ...]) -> frozenset[str]:
        """Return the names of the attributes that a column with these fields reads."""
        if fields[0] == "exception":
            return frozenset(EXCEPTION)
        if fields[0] in {"trace_id", "span_id"}:
            return frozenset(fields)
        return frozenset(name for field in fields for name in attribute_names(field))

    def read_message(self, record: Any) -> Any:
        """Return the body, unless it is a structure that goes into the dynamic column."""
        body = record.log_record.body
        return None if is_structure(body) and (self._has_properties or self._takes_body) else body

    def extras(self, record: Any, taken: frozenset[str]) -> Iterator[tuple[Any, Any]]:
        """Yield the attributes that no column took, and what else of the record has no column."""
        found = {name: value for name, value in attributes_of(record).items() if name not in taken}
        return iter({**found, **self._rest(found, record)}.items())

    def with_rest(self, found: dict[Any, Any] | None, record: Any) -> dict[Any, Any] | None:
        """Add a structured body and the name of the event to attributes, where no column takes them."""
        found = {} if found is None else found
        rest = self._rest(found, record)
        # Not in `extras`: what is too large is cut once, or it would say wrongly how much was.
        found |= {name: plain(value) for name, value in rest.items()}
        return found or None

    def _rest(self, found: Mapping[Any, Any], record: Any) -> dict[str, Any]:
        log = record.log_record
        rest = {}
        if not self._takes_body and is_structure(log.body):
            rest["body"] = log.body
        event_name = getattr(log, "event_name", None)
        if event_name and not self._takes_event_name:
            rest["otel.event.name"] = event_name
        # An attribute of that name makes room.
        return {f"attributes.{name}": found[name] for name in rest if name in found} | rest


def _read_first(readers: Sequence[Read], record: Any) -> Any:
    return next((value for value in (read(record) for read in readers) if value is not None), None)
