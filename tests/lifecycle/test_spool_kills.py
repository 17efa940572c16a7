"""kill -9 with a spool: every record whose logging call returned arrives, as it was."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter

import pytest

from dcrlog._frames import FRAME_BYTES, SEGMENT_BYTES

ROWS_OF_A_SEGMENT = SEGMENT_BYTES // (FRAME_BYTES + 150)
"""At most: a row of the program below has more than 150 bytes."""

LOGS = """
import logging, os, sys, threading
from dcrlog import LogsIngestionHandler

run, count = sys.argv[1], int(sys.argv[2])
log = logging.getLogger("kills")
log.propagate = False
log.setLevel("INFO")
log.addHandler(LogsIngestionHandler(spool_dir=os.environ["SPOOL"], flush_interval=0.05))

def work(thread):
    number = 0
    while True:
        number += 1
        log.info("%s-%d-%d", run, thread, number)
        os.write(1, b"%d %d\\n" % (thread, number))

for thread in range(count):
    threading.Thread(target=work, args=(thread,), daemon=True).start()
threading.Event().wait(60)
"""

DRAINS = """
import logging, os, sys, threading
from dcrlog import LogsIngestionHandler

log = logging.getLogger("kills")
log.propagate = False
handler = LogsIngestionHandler(spool_dir=os.environ["SPOOL"], flush_interval=0.05)
log.addHandler(handler)
log.warning("drain")
for _ in range(4_000):
    # Not `rglob`, which raises where a directory goes meanwhile.
    if not any(name.endswith(".seg") for _, _, names in os.walk(os.environ["SPOOL"]) for name in names):
        break
    threading.Event().wait(0.02)
assert handler.flush(30)
stats = handler.stats()
assert not stats.dropped, stats
print(stats.adopted)
"""


@pytest.fixture
def kill_after(emulator, tmp_path):
    """Run the program that logs, kill it after so many acknowledged records, and return those."""
    environment = {**os.environ, **emulator.environment(), "SPOOL": str(tmp_path)}

    def run(name, threads, records):
        child = subprocess.Popen(
            [sys.executable, "-c", LOGS, name, str(threads)], env=environment, stdout=subprocess.PIPE
        )
        watchdog = threading.Timer(60, child.kill)
        watchdog.start()
        try:
            acknowledged = [child.stdout.readline() for _ in range(records)]
        finally:
            child.kill()
            watchdog.cancel()
        acknowledged += child.stdout.read().splitlines(keepends=True)
        child.wait()
        child.stdout.close()
        # The last line may be torn; its record is acknowledged all the same, but not counted on.
        whole = [line.split() for line in acknowledged if line.endswith(b"\n")]
        return {f"{name}-{int(thread)}-{int(number)}" for thread, number in whole}

    def drain():
        done = subprocess.run(
            [sys.executable, "-c", DRAINS],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    return run, drain


@pytest.mark.parametrize(
    ("kills", "threads"),
    [
        (4, 1),
        (4, 4),
        pytest.param(50, 1, marks=pytest.mark.soak),
        pytest.param(50, 4, marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(1_200)
def test_every_acknowledged_record_survives_kills_at_random_moments(emulator, kill_after, kills, threads):
    """None is lost, none was changed, and of a kill a segment arrives twice at most."""
    run, drain = kill_after
    draws = random.Random(kills * threads)
    acknowledged = set()
    for kill in range(kills):
        acknowledged |= run(f"run{kill}", threads, draws.randrange(1, 10_000))
    adopted = drain()

    rows = [(row["InstanceId"], row["Seq"], row["Message"]) for row in emulator.rows("AppLogs_CL")]
    missing = acknowledged - {message for *_, message in rows}
    assert not missing, (len(missing), sorted(missing)[:5])
    assert adopted > 0
    copies = Counter((instance, seq) for instance, seq, _ in rows)
    assert len(set(rows)) == len(copies)
    assert max(copies.values()) <= 2
    assert len(rows) - len(copies) <= kills * ROWS_OF_A_SEGMENT


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.timeout(1_200)
def test_of_four_processes_that_are_killed_again_and_again_nothing_is_lost(
    emulator, kill_after, tmp_path, kills
):
    """They adopt from each other, and are killed in the middle of that, too."""
    run, drain = kill_after
    draws = random.Random(kills)
    plans = [[draws.randrange(1, 2_000) for _ in range(kills // 4)] for _ in range(4)]
    acknowledged = [set() for _ in range(4)]

    def work(which):
        for turn, records in enumerate(plans[which]):
            acknowledged[which] |= run(f"p{which}t{turn}", 1, records)

    workers = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    drain()

    expected = set().union(*acknowledged)
    rows = emulator.rows("AppLogs_CL")
    stored = Counter(row["Message"] for row in rows)
    missing = expected - stored.keys()
    assert not missing, (len(missing), sorted(missing)[:5])
    assert len(expected) > kills
    identities = {(row["InstanceId"], row["Seq"]) for row in rows}
    assert len({(row["InstanceId"], row["Seq"], row["Message"]) for row in rows}) == len(identities)
    assert not list(tmp_path.rglob("*.bin"))
    print(f"{kills} kills, {len(expected)} acknowledged, 0 lost, {len(rows) - len(identities)} twice")
