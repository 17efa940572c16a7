"""The story of a row: what was sent, what the stream's types made of it, the transformation, and the table.

Told from the body that it came in, which is read again as it was read then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from dcrlog.emulator.body import decode, decompress
from dcrlog.emulator.coerce import Coerced, coerce_rows
from dcrlog.emulator.destinations import compiled
from dcrlog.emulator.history import Body, History, Part, Reason
from dcrlog.emulator.scan import READERS
from dcrlog.emulator.store import Store
from dcrlog.schema import Column, ColumnType

Row = Mapping[str, Any]

_MOST_STEPS: Final = ("sent", "typed", "transformed", "stored")


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to one field.

    Attributes:
        field: The property or column.
        stage: From which stage on it is different.
        reason: Why.
    """

    field: str
    stage: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Story:
    """One row at each stage; a field that a stage has not is not in it.

    Attributes:
        table: The table.
        number: The row's number in it.
        request_id: The request that brought it.
        rule_id: The rule.
        stream: The stream.
        received: When it came.
        transformation: The text of the transformation; None where rows pass unchanged.
        sent: The object in the body.
        typed: The values of the stream's columns.
        transformed: What the transformation made of them.
        stored: What the table has.
        notes: What was lost or changed, and where.
    """

    table: str
    number: int
    request_id: str
    rule_id: str
    stream: str
    received: str
    transformation: str | None
    sent: Row
    typed: Row
    transformed: Row
    stored: Row
    notes: tuple[Note, ...]

    @property
    def stages(self) -> tuple[tuple[str, Row], ...]:
        """The four stages in order, by name."""
        return tuple((name, getattr(self, name)) for name in _MOST_STEPS)

    def show(self) -> dict[str, Any]:
        """Return the story as JSON values."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        shown["notes"] = [{"field": n.field, "stage": n.stage, "reason": n.reason} for n in self.notes]
        return shown


def tell(store: Store, history: History, table: str, number: int) -> Story | None:
    """Tell the story of a row; None where there is none, or its body is not kept any more."""
    stored = store.numbered(table, after=number - 1, limit=1)
    kept = history.body_of(table, number)
    if not stored or stored[0][0] != number or kept is None:
        return None
    body, part = kept
    place, before = part.origin(number)
    sent = _sent(body, place)
    coerced = coerce_rows([sent], body.columns, None)
    typed = readable(body.columns, coerced.rows[0])
    come, transformed = _transformed(sent, typed, body, part, before)
    landed = coerce_rows([come], part.destination.columns, body.received)
    return Story(
        table=table,
        number=number,
        request_id=body.request_id,
        rule_id=body.rule_id,
        stream=body.stream,
        received=body.received.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        transformation=part.destination.transformation,
        sent=sent,
        typed=typed,
        transformed=transformed,
        stored={name: value for name, value in stored[0][1].items() if value is not None or name in typed},
        notes=tuple(_notes(come, coerced, landed, part)),
    )


def readable(columns: Sequence[Column], values: Sequence[Any]) -> dict[str, Any]:
    """Return coerced values as JSON values."""
    shown = {}
    for column, value in zip(columns, values, strict=True):
        read = READERS.get(column.type)
        shown[column.name] = value if read is None or value is None else read(value)
    return shown


def _sent(body: Body, place: int) -> Row:
    decoded = decode(decompress(body.data) if body.is_gzip else body.data)
    sent: Row = decoded[place] if isinstance(decoded, list) else decoded
    return sent


def _transformed(sent: Row, typed: Row, body: Body, part: Part, before: int) -> tuple[Row, Row]:
    text = part.destination.transformation
    if text is None:
        return sent, typed
    run = compiled(text, body.columns)
    come = run.apply([sent], now=body.received)[before]
    read = READERS[ColumnType.DATETIME]
    shown = {
        name: read(value) if value is not None and run.columns.get(name) == "datetime" else value
        for name, value in come.items()
    }
    return come, shown


def _notes(come: Row, typed: Coerced, landed: Coerced, part: Part) -> Iterator[Note]:
    for name in typed.dropped:
        yield Note(name, "typed", "undeclared")
    for name in typed.misfits:
        yield Note(name, "typed", "misfit")
    for name in part.destination.lacking:
        if come.get(name) is not None:
            yield Note(name, "stored", "lacking")
    for name in landed.truncated:
        yield Note(name, "stored", "truncated")
    if landed.restamped:
        yield Note("TimeGenerated", "stored", "restamped")
