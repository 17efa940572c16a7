"""What one `logger.info` with five extras costs, paired in one process over a NullHandler.

Chunks of calls alternate between the variants, so that a machine whose clock changes speed changes it
for all of them; a ratio is the median over the rounds of chunk by NullHandler chunk. CPU time of the
calling thread only: what the senders do beside it is measured by end_to_end.py.
"""

import contextlib
import gc
import logging
import statistics
import time

from _common import IS_QUICK, RULE, Discard, check, command_line, log_records, logger_with, tell
from dcrlog import LogsIngestionHandler

CHUNK = 400
ROUNDS = 20 if IS_QUICK else 300


def measure(logger):
    started = time.thread_time_ns()
    log_records(logger, 0, CHUNK)
    return (time.thread_time_ns() - started) / CHUNK / 1000


def compare(variants):
    """Return the microseconds of each chunk by variant."""
    loggers = {name: logger_with(name, handler) for name, handler in variants.items()}
    for logger in loggers.values():
        measure(logger)
    found = {name: [] for name in loggers}
    gc.collect()
    for _ in range(ROUNDS):
        for name, logger in loggers.items():
            found[name].append(measure(logger))
    for handler in variants.values():
        if isinstance(handler, LogsIngestionHandler):
            check(handler.stats(), (ROUNDS + 1) * CHUNK)
    return found


def rows_of(found, label=""):
    floor = found["NullHandler"]
    for name, chunks in found.items():
        ratios = [chunk / null for chunk, null in zip(chunks, floor, strict=True)]
        yield [f"{name}{label}", min(chunks), statistics.median(chunks), statistics.median(ratios)]


def main():
    def handlers():
        return {
            "NullHandler": logging.NullHandler(),
            "benchmark rule": LogsIngestionHandler(sender=Discard(), rule=RULE),
            "default columns": LogsIngestionHandler(sender=Discard()),
            "default columns, redact=True": LogsIngestionHandler(sender=Discard(), redact=True),
        }

    rows = list(rows_of(compare(handlers())))
    with contextlib.suppress(ImportError):
        import opentelemetry.trace  # noqa: F401

        rows += list(rows_of(compare(handlers()), ", OTel imported, no span"))
    tell(
        f"One logger.info with five extras, {ROUNDS} rounds of {CHUNK} calls",
        ["variant", "us (min)", "us (median)", "x NullHandler (median, paired)"],
        rows,
    )


if __name__ == "__main__":
    command_line(main)
