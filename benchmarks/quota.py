"""A rule's whole quota, 2 GB a minute, from `handle` to the accepted request, at several service latencies.

Records are made beforehand: `logger.info` alone takes the core that the quota needs. Rows are handed in at an
even pace for some seconds, and then what is left is flushed; cores are CPU seconds of the whole process, with
its senders, a second. The peer has an unbounded queue, so its line says what was delivered within those
seconds and what still waited.
"""

import json
import logging
import os
import statistics
import sys
import time
from pathlib import Path

from _common import EXTRAS, IS_QUICK, RULE, command_line, tell
from _peers import LISTENER, OURS, make
from _service import sink
from dcrlog import LogsIngestionHandler
from dcrlog.testing import RecordingSender

BYTES_A_SECOND = 2e9 / 60
SECONDS = 0.5 if IS_QUICK else 10
LATENCIES = (100,) if IS_QUICK else (0, 20, 50, 100)
ROUNDS = 1 if IS_QUICK else 3


def make_record():
    return logging.makeLogRecord(
        {
            "name": "bench",
            "levelno": logging.INFO,
            "levelname": "INFO",
            "msg": "user %s did %s",
            "args": ("alice@example.org", "checkout"),
        }
        | EXTRAS
    )


def bytes_a_row():
    """Return the bytes of a row in the middle of a run."""
    sender, record = RecordingSender(), make_record()
    handler = LogsIngestionHandler(sender=sender, rule=RULE)
    for record.count in range(100_000, 101_000):
        handler.handle(record)
    handler.close()
    return len(sender.bodies[0]) / 1_000


def run(name, endpoint):
    """Hand rows in at the quota's pace; tell how many, and what it took."""
    logging.getLogger("azure").setLevel(logging.WARNING)
    handler = make(name, endpoint, on_full="drop_newest").handler
    record, rate = make_record(), BYTES_A_SECOND / bytes_a_row()
    handler.handle(record)
    if name == OURS:
        handler.flush(30)
    made = 0
    started, cpu = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - started) < SECONDS:
        due = int(elapsed * rate)
        while made < due:
            made += 1
            record.count = made
            record.created = time.time()
            handler.handle(record)
        time.sleep(0.002)
    if name == OURS and not handler.flush(30):
        sys.exit("not all was delivered")
    seconds = time.perf_counter() - started
    dropped = sum(handler.stats().dropped.values()) if name == OURS else 0
    told = {"made": made + 1, "seconds": seconds, "cpu": time.process_time() - cpu, "dropped": dropped}
    print(json.dumps(told), flush=True)
    # Without the peer's exit, which would deliver the rest.
    os._exit(0)


def measure(name, latency):
    with sink("--delay", latency / 1000) as service:
        told = service.run(Path(__file__), name, service.endpoint)
        account = service.account()
    lost = told["made"] - told["dropped"] - account["distinct"] if name == OURS else 0
    if lost or account["rows"] != account["distinct"] or account["incomplete"]:
        sys.exit(f"{name}: {told} and {account}")
    return {
        "rows/s": account["rows"] / told["seconds"],
        "MB/s": account["bytes"] / told["seconds"] / 1e6,
        "cores": told["cpu"] / told["seconds"],
        "requests": account["requests"] / told["seconds"] * 60,
        "dropped": told["dropped"],
        "waiting": told["made"] - told["dropped"] - account["distinct"],
    }


def line(rounds):
    """Return the cells of a pipeline's line: medians, and the most that were dropped or waited."""
    measured = ("MB/s", "cores", "rows/s", "requests")
    speed, cores, *counts = (statistics.median(one[key] for one in rounds) for key in measured)
    worst = (max(one[key] for one in rounds) for key in ("dropped", "waiting"))
    return [speed, cores, *map(int, counts), *worst]


def main():
    found = {(OURS, latency): [] for latency in LATENCIES}
    # What it does between the two extremes takes minutes and says nothing more.
    found |= {(LISTENER, latency): [] for latency in sorted({LATENCIES[0], LATENCIES[-1]})}
    for _ in range(ROUNDS):
        for (name, latency), rounds in found.items():
            rounds.append(measure(name, latency))
    tell(
        f"{BYTES_A_SECOND / 1e6:.1f} MB/s for {SECONDS} s, {ROUNDS} rounds",
        [
            "pipeline",
            "latency ms",
            "MB/s",
            "cores",
            "rows/s",
            "requests/min",
            "rows dropped",
            "rows waiting at the end",
        ],
        [[name, latency, *line(rounds)] for (name, latency), rounds in found.items()],
    )


if __name__ == "__main__":
    command_line(main, run)
