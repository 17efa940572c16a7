"""Memory of a process whose producers go on while the service takes requests and never answers.

What counts is that it grows no more once the queue is full, and how far it is over the process before its
first record then. Each pipeline runs in a process of its own. OpenTelemetry's queue holds 2,048 records, its
default, and drops the others.
"""

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from _common import IS_QUICK, command_line, log_records, logger_with, tell
from _peers import LISTENER, OTEL, OURS, SPOOL, installed, make
from _service import sink

RECORDS = 40_000 if IS_QUICK else 400_000
CAPACITY = 4 << 20 if IS_QUICK else 64 << 20
PRODUCERS = 4
ROUNDS = 1 if IS_QUICK else 3
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    """Return the process's resident memory, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def run(name, endpoint):
    """Log everything; tell the memory before, and at each tenth of the records."""
    with tempfile.TemporaryDirectory() as directory:
        handler = make(name, endpoint, directory=directory, on_full="drop_newest", capacity=CAPACITY).handler
        logger = logger_with("memory", handler)
        before, samples = resident(), []
        for tenth in range(10):
            share = RECORDS // 10 // PRODUCERS
            threads = [
                threading.Thread(
                    target=log_records, args=(logger, (tenth * PRODUCERS + number) * share, share)
                )
                for number in range(PRODUCERS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(0.01)
                while thread.is_alive():
                    samples.append(resident())
                    time.sleep(0.02)
            samples.append(resident())
            if tenth == 4:
                half = max(samples)
        told = {"before": before, "half": half, "peak": max(samples)}
        if name in (OURS, SPOOL):
            stats = handler.stats()
            if stats.accepted != RECORDS or stats.pending + sum(stats.dropped.values()) != RECORDS:
                sys.exit(f"{RECORDS} records, but {stats}")
            told["held"] = stats.pending
        print(json.dumps(told))
    # The exit of a peer would wait for the service.
    sys.stdout.flush()
    os._exit(0)


def main():
    names, absent = installed((OURS, SPOOL, LISTENER, OTEL))
    found = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, rounds in found.items():
            with sink("--hang") as service:
                rounds.append(service.run(Path(__file__), name, service.endpoint))
    tell(
        f"{RECORDS} records by {PRODUCERS} producers, no answer, capacity {CAPACITY >> 20} MiB, "
        f"the worst of {ROUNDS} rounds{absent}",
        [
            "pipeline",
            "MiB before",
            "peak over it",
            "of that in the second half",
            "over capacity",
            "rows held",
        ],
        [[name, *line(rounds)] for name, rounds in found.items()],
    )


def line(rounds):
    """Return the cells of a pipeline's line, each the worst of the rounds."""
    over = max(told["peak"] - told["before"] for told in rounds)
    cells = [
        max(told["before"] for told in rounds),
        over,
        max(told["peak"] - told["half"] for told in rounds),
    ]
    # A peer has no capacity in bytes, and does not tell what it holds.
    is_ours = "held" in rounds[0]
    held = min(told["held"] for told in rounds) if is_ours else "-"
    return [*cells, over - CAPACITY / (1 << 20) if is_ours else "-", held]


if __name__ == "__main__":
    command_line(main, run)
