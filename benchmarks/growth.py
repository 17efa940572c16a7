"""Whether a record costs more when many wait before it, or when many were logged before it.

A process logs ten times the same number of records to a service that takes them, and another to one that
never answers, so that all of them wait. What counts is the CPU time a record, of the senders too, in the last
three tenths over that in the second to fourth: the first imports the SDK.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

from _common import IS_QUICK, check, command_line, log_records, logger_with, tell
from _peers import OURS, make
from _service import sink

TENTH = 2_000 if IS_QUICK else 60_000
ROUNDS = 1 if IS_QUICK else 3
SERVICES = {"takes everything": ((), 60.0), "never answers": (("--hang",), 0.0)}
"""The sink's options, and the seconds that a flush at the end may take, by what the service does."""


def run(endpoint, longest):
    """Log ten tenths; tell the CPU time a record of each, and how many wait at the end."""
    handler = make(OURS, endpoint, on_full="drop_newest", capacity=1 << 30).handler
    logger = logger_with("growth", handler)
    costs = []
    for tenth in range(10):
        started = time.process_time()
        log_records(logger, tenth * TENTH, TENTH)
        costs.append((time.process_time() - started) / TENTH * 1e6)
    stats = handler.stats()
    check(stats, 10 * TENTH)
    print(json.dumps({"costs": costs, "waiting": stats.pending, "flushed": handler.flush(float(longest))}))
    # An exit would wait for the service.
    sys.stdout.flush()
    os._exit(0)


def main():
    found = {service: [] for service in SERVICES}
    for _ in range(ROUNDS):
        for service, rounds in found.items():
            options, longest = SERVICES[service]
            with sink(*options) as running:
                told = running.run(Path(__file__), running.endpoint, longest)
                account = running.account()
            arrived = 10 * TENTH if told["flushed"] else 0
            if not arrived == account["rows"] == account["distinct"] or account["incomplete"]:
                sys.exit(f"{service}: {told} and {account}")
            rounds.append(told)
    tell(
        f"{10 * TENTH} records by one producer, {ROUNDS} rounds",
        ["the service", "rows waiting", "us/record, early", "late", "late / early"],
        [[service, *line(rounds)] for service, rounds in found.items()],
    )


def line(rounds):
    """Return the cells of a service's line: medians, of the ratios too."""
    early = [statistics.fmean(told["costs"][1:4]) for told in rounds]
    late = [statistics.fmean(told["costs"][7:]) for told in rounds]
    return [
        int(statistics.median(told["waiting"] for told in rounds)),
        statistics.median(early),
        statistics.median(late),
        statistics.median(after / before for before, after in zip(early, late, strict=True)),
    ]


if __name__ == "__main__":
    command_line(main, run)
