"""From a body to rows in tables, with what was lost on the way told in the log and counted.

Works in one thread, which is not that of the event loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from dcrlog.emulator.answers import malformed, time_span
from dcrlog.emulator.body import decode, decompress
from dcrlog.emulator.coerce import Coerced, coerce_rows
from dcrlog.emulator.destinations import Destination, compiled
from dcrlog.emulator.history import Body, Drop, History, Part
from dcrlog.emulator.pulse import Pulse
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.rules import ServedRule, ServedStream
from dcrlog.emulator.store import Batch, Store
from dcrlog.schema import ColumnType

Mode = Literal["strict", "lenient"]
"""Strict answers as Azure does; lenient accepts what can be understood, and warns."""

Rows = Sequence[dict[str, Any]]

_NAMES_SHOWN: Final = 10
_NAMES_COUNTED: Final = 100
_EXAMPLE: Final = 200
_SPAN: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Landing:
    """Carries bodies into a store."""

    store: Store
    history: History
    pulse: Pulse
    mode: Mode

    def land(
        self, rule: ServedRule, served: ServedStream, data: bytes, *, is_gzip: bool, entry: RequestEntry
    ) -> None:
        """Store the rows of a body.

        Raises:
            Refusal: The body is not what Azure takes; nothing is stored.
        """
        body = decompress(data) if is_gzip else data
        entry.bytes = len(body)
        drops: list[Drop] = []
        rows = self._rows(decode(body), entry, drops)
        if rows and not served.destinations:
            entry.warn("No data flow takes this stream: nothing was stored.")
            drops.append(Drop("no flow", "", "", len(rows)))
        elif rows:
            kept = Body(
                entry.request_id,
                rule.immutable_id,
                served.stream.name,
                served.stream.columns,
                entry.time,
                data,
                is_gzip,
            )
            self._store(rows, served, kept, entry, drops)
        if drops:
            self.history.drop(rule.immutable_id, served.stream.name, drops, entry.time)

    def _store(
        self, rows: Rows, served: ServedStream, body: Body, entry: RequestEntry, drops: list[Drop]
    ) -> None:
        batches: list[Batch] = []
        origins: list[tuple[int, ...] | None] = []
        for destination in served.destinations:
            lost: list[Drop] = []
            come, places, declared = rows, None, [*destination.lacking]
            if destination.transformation is not None:
                come, places = _transform(rows, served, destination, entry, lost)
                declared += [column.name for column in served.stream.columns]
            coerced = coerce_rows(come, destination.columns, entry.time, declared=declared)
            if destination.plan == "Auxiliary" and destination.transformation is None:
                _refuse_what_auxiliary_refuses(rows, destination, coerced)
            lost += _losses(come, destination, coerced)
            _report(lost, destination.table, entry)
            # What the stream does not declare is lost once, however many tables it fills.
            drops += [drop for drop in lost if drop.reason != "undeclared" or not batches]
            batches.append(Batch(destination.table, destination.columns, coerced.rows))
            origins.append(places)
        self.store.insert(batches)
        parts = [
            Part(destination, batch.first, len(batch.rows), places)
            for destination, batch, places in zip(served.destinations, batches, origins, strict=True)
        ]
        self.history.keep(body, parts)
        entry.rows_stored = sum(len(batch.rows) for batch in batches)
        for batch in batches:
            self.pulse.count(batch.table, len(batch.rows))
        if removed := sum(batch.removed for batch in batches):
            entry.warn(f"The table is full: its {removed} oldest rows were removed.")
            drops += [Drop("removed", batch.table, "", batch.removed) for batch in batches if batch.removed]

    def _rows(self, decoded: Any, entry: RequestEntry, drops: list[Drop]) -> list[dict[str, Any]]:
        if isinstance(decoded, dict):
            entry.rows_in = 1
            if self.mode == "lenient":
                entry.warn("The body is an object; Azure stores nothing of it. Send an array of objects.")
                return [decoded]
            # Seen more than once (azure-sdk-for-python#32562, azure-sdk-for-go#23353): success, and no row.
            entry.warn(
                "The body is an object: answered 204 and stored nothing, as Azure does. Send an array."
            )
            drops.append(Drop("not an array", "", "", 1, _example(decoded)))
            return []
        # What Azure answers to an array of anything but objects is not published.
        if not isinstance(decoded, list) or not all(type(row) is dict for row in decoded):
            raise malformed("the body must be an array of objects")
        entry.rows_in = len(decoded)
        return decoded


def _transform(
    rows: Rows, served: ServedStream, destination: Destination, entry: RequestEntry, lost: list[Drop]
) -> tuple[Rows, tuple[int, ...] | None]:
    columns = served.stream.columns
    # The transformation itself reads what does not fit as null, and tells nobody.
    typed = coerce_rows(rows, columns, None)
    lost += _losses(rows, Destination("", columns), typed)
    come, places = compiled(destination.transformation or "source", columns).trace(rows, now=entry.time)
    if filtered := len(rows) - len(set(places)):
        entry.rows_filtered += filtered
        lost.append(Drop("filtered", destination.table, "", filtered))
    return come, None if places == [*range(len(rows))] else tuple(places)


def _refuse_what_auxiliary_refuses(rows: Rows, destination: Destination, coerced: Coerced) -> None:
    flat = [column.name for column in destination.columns if column.type is not ColumnType.DYNAMIC]
    if any(isinstance(row.get(name), dict | list) for row in rows for name in flat):
        raise malformed("nested JSON in a column that is not dynamic, which an Auxiliary table does not take")
    place = [column.name for column in destination.columns].index("TimeGenerated")
    times = [str(row[place]) for row in coerced.rows]
    if datetime.fromisoformat(max(times)) - datetime.fromisoformat(min(times)) > _SPAN:
        raise time_span()


def _losses(rows: Rows, destination: Destination, coerced: Coerced) -> list[Drop]:
    table = destination.table
    drops = []
    undeclared = coerced.dropped.most_common()
    for name, count in undeclared[:_NAMES_COUNTED]:
        example = next(row[name] for row in rows if name in row)
        drops.append(Drop("undeclared", "", _short(name), count, _example(example)))
    if more := sum(count for _, count in undeclared[_NAMES_COUNTED:]):
        drops.append(Drop("undeclared", "", "...", more))
    for name in destination.lacking:
        given = [row[name] for row in rows if row.get(name) is not None]
        drops += [Drop("lacking", table, name, len(given), _example(given[0]))] if given else []
    drops += [
        Drop("misfit", table, name, count, _example(coerced.examples[name]))
        for name, count in coerced.misfits.items()
    ]
    drops += [Drop("truncated", table, name, count) for name, count in coerced.truncated.items()]
    if coerced.restamped:
        drops.append(Drop("restamped", table, "TimeGenerated", coerced.restamped))
    return drops


def _report(drops: Sequence[Drop], table: str, entry: RequestEntry) -> None:
    counts: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    for drop in drops:
        counts[drop.reason] = counts.get(drop.reason, 0) + drop.count
        names.setdefault(drop.reason, []).append(drop.field)
    entry.columns_dropped += counts.get("undeclared", 0) + counts.get("lacking", 0)
    for reason, text in _TEXTS.items():
        if reason in counts:
            listed = ", ".join(sorted(names[reason])[:_NAMES_SHOWN])
            more = ", ..." if len(names[reason]) > _NAMES_SHOWN else ""
            entry.warn(f"{table}: {text.format(count=counts[reason], names=listed + more)}")


def _example(value: Any) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except RecursionError:
        return ""
    return _short(text)


def _short(text: str) -> str:
    # Senders choose names, too.
    return text if len(text) <= _EXAMPLE else text[:_EXAMPLE] + "…"


_TEXTS: Final = {
    "undeclared": "properties dropped because they are not declared: {names}.",
    "lacking": "columns dropped because the table has none of these names: {names}.",
    "misfit": "values that do not fit their column became null: {names} ({count}).",
    "truncated": "values over 64 KB were truncated: {names} ({count}).",
    "filtered": "rows left out by the transformation: {count}.",
    "restamped": "times outside the window that became the time of receipt: {count}.",
}
