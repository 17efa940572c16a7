"""What one `logger.info` costs with a spool, beside memory and beside one `write` a row, in one process.

CPU time of the calling threads, in chunks that alternate between the variants; the latency of single calls
is measured beside a thread that computes, where each hand-over of the GIL costs up to 5 ms.
"""

import gc
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from _common import IS_QUICK, RULE, Discard, check, command_line, log_records, logger_with, tell
from dcrlog import LogsIngestionHandler
from dcrlog._frames import frame_parts

CHUNK = 400
ROUNDS = 10 if IS_QUICK else 150
CALLS = 500 if IS_QUICK else 4_000
TURNS = 4 if IS_QUICK else 25


def write_each(directory):
    """Return a handler in memory mode that also writes each row to a file, with one system call."""
    handler = LogsIngestionHandler(sender=Discard(), rule=RULE)
    pipeline, lock = handler._pipeline, threading.Lock()  # noqa: SLF001 - where the spool would be
    put = pipeline.put
    file = os.open(directory / "rows", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seq = 0

    def write_and_put(row):
        nonlocal seq
        with lock:
            seq += 1
            before, after = frame_parts(seq, row)
            os.write(file, before + row + after)
            if seq % 3_000 == 0:
                os.ftruncate(file, 0)
        put(row)

    pipeline.put = write_and_put
    return handler


def handlers(directory):
    spool = {"sender": Discard(), "rule": RULE}
    return {
        "memory": LogsIngestionHandler(sender=Discard(), rule=RULE),
        "spool": LogsIngestionHandler(spool_dir=directory / "spool", **spool),
        "spool, fsync": LogsIngestionHandler(spool_dir=directory / "synced", fsync=True, **spool),
        "one write a row": write_each(directory),
    }


def cpu(logger, producers):
    """Return the microseconds of CPU that a call costs its thread, on the average of the producers."""
    spent, together = [], threading.Barrier(producers)

    def produce():
        together.wait()
        started = time.thread_time_ns()
        log_records(logger, 0, CHUNK)
        spent.append((time.thread_time_ns() - started) / CHUNK / 1000)

    threads = [threading.Thread(target=produce) for _ in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.mean(spent)


def latencies(logger):
    """Return the seconds of single calls, while another thread computes."""
    is_over = threading.Event()

    def compute():
        while not is_over.is_set():
            sum(range(1_000))

    thread = threading.Thread(target=compute)
    thread.start()
    taken = []
    for number in range(CALLS // 10):
        for single in range(10):
            started = time.perf_counter()
            log_records(logger, number * 10 + single, 1)
            taken.append(time.perf_counter() - started)
    is_over.set()
    thread.join()
    return taken


def share(calls, of):
    return sorted(calls)[int(len(calls) * of)] * 1e6


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        made = handlers(Path(directory))
        loggers = {name: logger_with(name, each) for name, each in made.items()}
        rows = {name: [name] for name in loggers}
        gc.collect()
        for producers in (1, 4):
            found = {name: [] for name in loggers}
            for _ in range(ROUNDS // producers):
                for name, logger in loggers.items():
                    found[name].append(cpu(logger, producers))
            for name, chunks in found.items():
                ratios = [one / memory for one, memory in zip(chunks, found["memory"], strict=True)]
                rows[name] += [statistics.median(chunks), statistics.median(ratios)]
        calls = {name: [] for name in loggers}
        for _ in range(TURNS):
            for name, logger in loggers.items():
                calls[name] += latencies(logger)
        for name, taken in calls.items():
            for of in (0.99, 0.999):
                rows[name] += [share(taken, of), share(taken, of) / share(calls["memory"], of)]
        for handler in made.values():
            check(handler.stats(), CHUNK * (ROUNDS + ROUNDS // 4 * 4) + CALLS * TURNS)
            handler.close()
    tell(
        f"One logger.info: CPU in {ROUNDS} rounds of {CHUNK}, and {CALLS * TURNS} calls beside a busy thread",
        [
            "variant",
            "us, 1 producer", "x memory",
            "us, 4 producers", "x memory",
            "p99 us, busy", "x memory",
            "p99.9 us, busy", "x memory",
        ],
        list(rows.values()),
    )  # fmt: skip


if __name__ == "__main__":
    command_line(main)
