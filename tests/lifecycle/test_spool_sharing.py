"""A spool in processes that fork, that have secrets, and to which the kernel says no."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from dcrlog.emulator import Fault

FORKS = """
import logging, os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
from dcrlog import LogsIngestionHandler

log = logging.getLogger("forks")
log.propagate = False
log.setLevel("INFO")
handler = LogsIngestionHandler(spool_dir=os.environ["SPOOL"], flush_interval=0.05)
log.addHandler(handler)
for number in range(100):
    log.info("parent-%d", number)
parent = handler._pipeline.instance_id
own = handler._pipeline._spool._directory.path
go, gone = os.pipe()
child = os.fork()
if child:
    os.waitpid(child, 0)
    os._exit(1)
os.close(gone)
locks = 0
for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
    try:
        locks += os.readlink(f"/proc/self/fd/{name}").endswith("owner")
    except OSError:
        pass  # that of the list itself
spool = handler._pipeline._spool
print("inherited", locks, "adopted", spool.orphans._find(), flush=True)
# The end of the file is the end of the parent.
os.read(go, 1)
log.info("child")
print("parent", parent, flush=True)
for _ in range(4_000):
    if handler.stats().delivered == 101:
        break
    threading.Event().wait(0.01)
print(handler.stats().adopted, handler.stats().delivered, dict(handler.stats().dropped), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_living_child_keeps_nobody_from_its_dead_parents_rows(emulator, tmp_path):
    """It closes the lock it inherits, takes nothing while its parent lives, and all once that is killed."""
    emulator.faults.add(Fault("status", status=503))
    environment = {**os.environ, **emulator.environment(), "SPOOL": str(tmp_path)}
    program = subprocess.Popen(
        [sys.executable, "-c", FORKS],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(60, os.killpg, (program.pid, signal.SIGKILL))
    watchdog.start()
    try:
        first = program.stdout.readline()
        program.kill()
        program.wait()
        emulator.faults.clear()
        instance = program.stdout.readline().split()[-1]
        last = program.stdout.readline()
    finally:
        watchdog.cancel()
        program.stdout.close()

    assert first == "inherited 0 adopted None\n"
    assert last == "100 101 {}\n"
    rows = emulator.rows("AppLogs_CL")
    adopted = sorted((row["Seq"], row["Message"]) for row in rows if row["InstanceId"] == instance)
    assert adopted == [(number + 1, f"parent-{number}") for number in range(100)]
    (child,) = (row for row in rows if row["Message"] == "child")
    assert (child["InstanceId"] != instance, child["Seq"]) == (True, 1)


DESCRIPTORS = """
import json, logging, os, resource, sys
from dcrlog import LogsIngestionHandler
from dcrlog._gzip import compress
from dcrlog.testing import ManualClock, RecordingSender

log = logging.getLogger("descriptors")
log.propagate = False
log.setLevel("INFO")
clock, sender = ManualClock(), RecordingSender()
handler = LogsIngestionHandler(spool_dir=os.environ["SPOOL"], sender=sender, clock=clock, flush_interval=3600)
log.addHandler(handler)
logging.raiseExceptions = True
# Imported now: a request that fails for want of descriptors waits, and the clock stands still then.
compress(b"")
log.info("before")
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
handler._pipeline._queue.section.run(handler._pipeline._queue._seal)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
for number in range(50):
    log.info("without %d", number)
    clock.advance(0.2)
without = handler.stats().unspooled
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
clock.advance(1.0)
for number in range(50):
    log.info("after %d", number)
after = handler.stats().unspooled
is_flushed = handler.flush(30)
stats = handler.stats()
print(json.dumps([without, after, is_flushed, stats.delivered, stats.pending, len(sender.rows)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are limited so on Linux")
def test_want_of_descriptors_costs_no_row_and_no_logging_call(tmp_path):
    """Rows are in memory while there are none, and on the disk again afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIPTORS],
        check=False,
        env={**os.environ, "SPOOL": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == "[50, 50, true, 101, 0, 101]\n", done.stderr
    assert done.stderr.count("Too many open files; rows are kept in memory only") == 1
    assert "Traceback" not in done.stderr


REFUSED = """
import logging, os
from dcrlog import LogsIngestionHandler
from dcrlog.testing import RecordingSender

log = logging.getLogger("refused")
log.propagate = False
log.setLevel("INFO")
sender = RecordingSender()
handler = LogsIngestionHandler(spool_dir=os.environ["SPOOL"], sender=sender, flush_interval=0.05)
log.addHandler(handler)
for number in range(50):
    log.info("row %d", number)
print(handler.flush(30), handler.stats().unspooled, handler.stats().delivered, len(sender.rows))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here, which makes system calls fail")
@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        ("fallocate", "EIO", "Input/output error"),
        ("flock", "ENOLCK", "No locks available"),
        pytest.param("fallocate", "EDQUOT", "Disk quota exceeded", marks=pytest.mark.soak),
        pytest.param("rename", "EROFS", "Read-only file system", marks=pytest.mark.soak),
        pytest.param("statfs", "EIO", "Input/output error", marks=pytest.mark.soak),
        pytest.param("truncate", "EIO", None, marks=pytest.mark.soak),
        pytest.param("unlink", "EIO", None, marks=pytest.mark.soak),
    ],
)
def test_a_call_that_the_kernel_refuses_costs_no_row(tmp_path, call, error, told):
    """The library's own code runs, and nothing in Python is replaced."""
    strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        os.devnull,
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:error={error}",
    ]
    if subprocess.run([*strace, "true"], check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("no process may be traced here")
    done = subprocess.run(
        [*strace, sys.executable, "-c", REFUSED],
        check=False,
        env={**os.environ, "SPOOL": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.stdout == f"True {50 if told else 0} 50 50\n", done.stderr
    told_once = f"dcrlog: spool {tmp_path}/dcrlog-{os.geteuid()}: {told}; rows are kept in memory only\n"
    assert done.stderr == (told_once if told else "")


SECRETS = """
import logging, os, threading
from pathlib import Path
from azure.identity import EnvironmentCredential
from dcrlog import LogsIngestionHandler

tokens, seen = set(), {"bytes": 0}
spool = Path(os.environ["SPOOL"])

class Watched:
    def __init__(self):
        self.real = EnvironmentCredential()

    def get_token(self, *scopes, **options):
        token = self.real.get_token(*scopes, **options)
        tokens.add(token.token)
        return token

def look():
    for path in [Path(where, name) for where, _, names in os.walk(spool) for name in names]:
        try:
            data = path.read_bytes() + str(path).encode()
        except OSError:
            continue
        seen["bytes"] += len(data)
        names = "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "LOGS_DCR_RULE_ID", "DATA_COLLECTION_ENDPOINT"
        for secret in ["Bearer", "Authorization", "x-ms-client", *map(os.environ.get, names), *tokens]:
            if secret.encode() in data:
                print("found", secret, "in", path)

log = logging.getLogger("secrets")
log.propagate = False
log.setLevel("INFO")
handler = LogsIngestionHandler(spool_dir=spool, credential=Watched(), flush_interval=0.02)
log.addHandler(handler)
for number in range(300):
    log.info("row %d", number)
    if number % 10 == 0:
        look()
        threading.Event().wait(0.01)
for _ in range(100):
    look()
    if handler.flush(0.5):
        break
look()
assert tokens and seen["bytes"] > 1024 * 1024, (len(tokens), seen)
# A row that met the 400 alone is a dead letter, looked at like the rest.
print(handler.stats().delivered + handler.stats().dead_lettered, handler.stats().requests > 1)
"""


@pytest.mark.timeout(180)
def test_nothing_of_credentials_headers_or_the_endpoint_is_in_a_spool(run, emulator, tmp_path):
    """Looked for all the while, with failures of every kind before the rows are delivered."""
    for nth, status in enumerate((401, 503, 429, 408, 413, 400), 2):
        emulator.faults.add(Fault("status", status=status, nth=nth))
    emulator.faults.add(Fault("lose_reply", nth=9))
    program = run(SECRETS, preamble="", stderr=None, seconds=150, SPOOL=str(tmp_path))

    assert program.stdout == "300 True\n", program.stderr
