"""From `logger.info` to an accepted request, against what people use today.

Each pipeline runs in a process of its own, in turns, against the same sink over TLS. The sink counts
distinct rows when the clock has stopped, and a run that lost, doubled or maimed one fails. The peers' queues
hold all records, so that none is lost for want of room. Peers that deliver elsewhere have a stub for their
service, which costs nothing: they are measured on the producer's side only. Whoever is too slow for the whole
number is measured with fewer records, beside dcrlog with as many.

`--million` runs 1,000,000 records, with one producer, once.
"""

import json
import logging
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from _common import IS_QUICK, command_line, log_records, tell
from _peers import (
    AZURE_MONITOR,
    GOOGLE_CLOUD,
    JSON_LOGGER,
    LISTENER,
    OTEL,
    OURS,
    WATCHTOWER,
    installed,
    load,
    make,
)
from _service import sink

RECORDS = 10_000 if IS_QUICK else 200_000
FEW = 1_000 if IS_QUICK else 20_000
WITHOUT_NETWORK = 10_000 if IS_QUICK else 50_000
WARM_UP = 1_000
ROUNDS = 1 if IS_QUICK else 3


def cases():
    """Return pipelines, numbers of producers and of records, in the table's order."""
    if "--million" in sys.argv:
        return [(name, 1, 1_000_000) for name in (LISTENER, OURS, OTEL)]
    found = [(name, producers, RECORDS) for producers in (1, 4, 16) for name in (LISTENER, OURS)]
    found += [(OTEL, 1, RECORDS), (AZURE_MONITOR, 1, FEW), (OURS, 1, FEW)]
    stubbed = [(name, 1, WITHOUT_NETWORK) for name in (JSON_LOGGER, WATCHTOWER, GOOGLE_CLOUD)]
    return [*found, *stubbed, (OURS, 1, WITHOUT_NETWORK)]


def run(name, endpoint, producers, records):
    """Log everything, deliver everything, tell seconds and CPU seconds."""
    producers, records = int(producers), int(records)
    logging.getLogger("azure").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as directory:
        load(name)
        started, cpu = time.perf_counter(), time.process_time()
        pipeline = make(name, endpoint, directory=directory, most=records, rate=0)
        logger = logging.getLogger("bench")
        logger.propagate = False
        logger.setLevel(logging.INFO)
        logger.addHandler(pipeline.handler)
        share = records // producers
        threads = [
            threading.Thread(target=log_records, args=(logger, number * share, share))
            for number in range(producers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if pipeline.finish() is False:
            sys.exit(f"{name} has not finished")
        told = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        if pipeline.count is not None:
            told["stubbed"] = pipeline.count()
    print(json.dumps(told))


def measure(service, script, name, producers, records):
    """Run a pipeline in a process of its own; return what it took, a record."""
    told = service.run(script, name, service.endpoint, producers, records)
    account = service.account()
    arrived = told.get("stubbed", account["distinct"])
    if arrived != records or account["rows"] != account["distinct"] or account["incomplete"]:
        sys.exit(f"{name}: {records} records, but {told} and {account}")
    return {
        "rate": records / told["seconds"],
        "cpu": told["cpu"] / records * 1e6,
        "requests": account["requests"],
    }


def line(results, ours):
    """Return the cells of a pipeline's line: its own figures, and those of ours over them, round by round."""
    paired = list(zip(results, ours, strict=True))
    return [
        int(statistics.median(one["rate"] for one in results)),
        statistics.median(one["cpu"] for one in results),
        results[0]["requests"],
        statistics.median(mine["rate"] / one["rate"] for one, mine in paired),
        statistics.median(one["cpu"] / mine["cpu"] for one, mine in paired),
    ]


def main():
    wanted = cases()
    present, absent = installed(dict.fromkeys(name for name, _, _ in wanted))
    found = {case: [] for case in wanted if case[0] in present}
    rounds = 1 if "--million" in sys.argv else ROUNDS
    with sink() as service:
        for name in present:
            # Or the first that imports an SDK would be the one that compiles it.
            measure(service, Path(__file__), name, 1, WARM_UP)
        for _ in range(rounds):
            for case, results in found.items():
                results.append(measure(service, Path(__file__), *case))
    tell(
        f"From logger.info to the accepted request, over TLS, {rounds} rounds{absent}",
        [
            "pipeline",
            "producers",
            "records",
            "records/s",
            "CPU us/record",
            "requests",
            "dcrlog: x records/s",
            "x less CPU",
        ],
        [
            [name, producers, records, *line(results, found[OURS, producers, records])]
            for (name, producers, records), results in found.items()
        ],
    )


if __name__ == "__main__":
    command_line(main, run, "--million")
