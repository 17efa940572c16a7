"""What the emulator spends on a batch of 1 MB, over what `json.loads` takes of the same bytes.

Both are run in turns in one thread: the body is unpacked, decoded, coerced to its columns and stored, with
what is kept of it for the rows' stories; the network is left out. A figure is the median of the rounds.
"""

import gzip
import json
import statistics
import time
from datetime import UTC, datetime

from _common import IS_QUICK, RULE, command_line, tell
from dcrlog.emulator.database import Database
from dcrlog.emulator.history import History
from dcrlog.emulator.landing import Landing
from dcrlog.emulator.pulse import Pulse
from dcrlog.emulator.requestlog import RequestEntry
from dcrlog.emulator.store import MAX_ROWS, Store
from dcrlog.emulator.workspace import Workspace

ROUNDS = 3 if IS_QUICK else 50
SIZE = 1_000_000


def body():
    """Return as many rows as fit, as the benchmark rule's columns have them."""
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    rows, size = [], 2
    while True:
        row = {
            "TimeGenerated": moment,
            "Level": "INFO",
            "Logger": "shop.orders",
            "Message": f"user alice@example.org did checkout number {len(rows)}, {len(rows) % 9} items",
            "UserId": "alice@example.org",
            "DurationMs": 12.5,
            "Count": len(rows),
            "Success": True,
            "RequestId": "6f1c0e9a-8f0e-4a6e-9d57-1b1f6f2f8a11",
            "InstanceId": "9d571b1f6f2f8a11",
            "Seq": len(rows),
        }
        size += len(json.dumps(row)) + 2
        if size > SIZE:
            return json.dumps(rows).encode(), len(rows)
        rows.append(row)


def main():
    workspace = Workspace({}, create_tables=True)
    rule = workspace.add(RULE)
    (served,) = rule.streams.values()
    database = Database(None)
    store, history = Store(database, max_rows=MAX_ROWS), History(database)
    store.ensure(workspace.tables)
    landing = Landing(store, history, Pulse(), "strict")
    plain, count = body()
    wire = gzip.compress(plain)
    found = {"json.loads": [], "the emulator": []}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        json.loads(plain)
        between = time.perf_counter()
        entry = RequestEntry("ingestion", "POST", "/", None, None)
        landing.land(rule, served, wire, is_gzip=True, entry=entry)
        found["json.loads"].append(between - started)
        found["the emulator"].append(time.perf_counter() - between)
    if store.count(served.destinations[0].table) != count * ROUNDS:
        raise SystemExit("rows are missing")
    ratio = statistics.median(mine / theirs for theirs, mine in zip(*found.values(), strict=True))
    rows = [
        [name, statistics.median(results) * 1000, 1.0 if name == "json.loads" else ratio]
        for name, results in found.items()
    ]
    tell(f"A batch of {SIZE:,} bytes, {count:,} rows", ["what", "ms", "times json.loads"], rows)


if __name__ == "__main__":
    command_line(main)
