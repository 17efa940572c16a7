"""kill -9 at every line of the code that handles segments, in their life and in their adoption.

A segment is made, locked, shown, written, sealed, sent, settled and deleted within those lines, so the kills
come before and after each of these steps. The production code knows nothing of it: a program counts the lines
that Python traces, and kills itself at one.
"""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

PROGRAM = """
import json, os, shutil, signal, sys, tempfile, warnings, zlib
from pathlib import Path

from dcrlog.testing import Answer
from pipelines import HurriedClock, make_pipeline

TRACED = ("_spool.py", "_orphans.py", "_quarantine.py", "_segment.py", "_home.py")
WAITING = -1
base, what, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads

class Killer:
    '''Counts lines, and kills the process at one.'''

    def __init__(self, at):
        self.at, self.count = at, 0

    def begin(self):
        sys.settrace(self.enter)

    def enter(self, frame, event, argument):
        return self.line if frame.f_code.co_filename.endswith(TRACED) else None

    def line(self, frame, event, argument):
        if event in ("line", "return"):
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.line

class Service:
    '''Keeps what it takes in a file, as it comes.'''

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, body, *, request_id, timeout):
        os.write(self.file, zlib.decompress(body, wbits=31).replace(b",\\n", b", ") + b"\\n")
        return Answer(status=204, request_id=request_id)

    def close(self):
        pass

def open_pipeline(directory):
    return make_pipeline(Service(directory / "service"), HurriedClock(1_000), spool_dir=directory / "spool")

def live(directory, killer):
    acknowledged = os.open(directory / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    killer.begin()
    pipeline = open_pipeline(directory)
    sizes = [1, 1, 600_000, 600_000, 1]
    for number, size in enumerate(sizes):
        pipeline._queue.put(b'{"Message":"%d%s"}' % (number, b"x" * size))
        os.write(acknowledged, b"%d\\n" % number)
        if number == 1:
            deliver(pipeline)
    if killer.at == WAITING:
        os.kill(os.getpid(), signal.SIGKILL)
    deliver(pipeline)
    end(pipeline)

def deliver(pipeline):
    pipeline._queue.request_flush()
    pipeline._senders.run_here(float("inf"))

def adopt(directory, killer):
    killer.begin()
    pipeline = open_pipeline(directory)
    for _ in range(40):
        pipeline._adoption.adopt()
        deliver(pipeline)
    end(pipeline)

def end(pipeline):
    pipeline.begin_exit()
    pipeline.finish_exit()

def in_child(work, directory, at):
    '''Run it in a process of its own; return how many lines there were, or None if it was killed.'''
    child = os.fork()
    if child == 0:
        killer = Killer(at)
        try:
            work(directory, killer)
            sys.settrace(None)
            (directory / "count").write_text(str(killer.count))
        except BaseException as error:
            print("raised", at, repr(error), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and at:
        return None
    return int((directory / "count").read_text())

def lines(path):
    return path.read_bytes().splitlines() if path.exists() else []

def check(directory, kills, at):
    acknowledged = {line.decode() for line in lines(directory / "acknowledged")}
    stored = [row for line in lines(directory / "service") for row in json.loads(line)]
    messages = {row["Message"].rstrip("x") for row in stored}
    identities = {}
    for row in stored:
        identities.setdefault((row["InstanceId"], row["Seq"]), []).append(row["Message"])
    complaints = []
    if acknowledged - messages:
        complaints.append(f"lost {acknowledged - messages}")
    if any(len(set(each)) > 1 for each in identities.values()):
        complaints.append("changed")
    if any(len(each) > kills + 1 for each in identities.values()):
        complaints.append("too many copies")
    left = [str(path) for path in (directory / "spool").rglob("*") if not path.name.startswith("dcrlog-")]
    if left:
        complaints.append(f"left {left}")
    if complaints:
        print(at, *complaints, flush=True)

at, killed, last = 1, 0, False
while not last:
    directory = Path(tempfile.mkdtemp(dir=base))
    kills = 0
    if what == "life":
        last = in_child(live, directory, at) is not None
        kills = 1
    else:
        # With one segment sealed and one open, not delivered yet.
        in_child(live, directory, WAITING)
        last = in_child(adopt, directory, at) is not None
        if not last:
            # And once more, at another line.
            in_child(adopt, directory, at // 2 + 1)
        kills = 3
    killed += not last
    in_child(adopt, directory, 0)
    check(directory, kills, at)
    shutil.rmtree(directory)
    at += step
print("killed", killed, file=sys.stderr)
"""


@pytest.fixture
def kill_at_lines(tmp_path):
    """Run the program; return how often it killed itself, once it is sure that it has no complaint."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    paths = os.pathsep.join([tests, *filter(None, sys.path)])

    def run(what, step):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), what, str(step)],
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=1_000,
        )
        assert (done.stdout, done.returncode) == ("", 0), done.stderr
        kills = int(done.stderr.split("killed ")[-1])
        print(f"{what}: {kills} kills")
        return kills

    return run


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_a_kill_at_any_line_of_a_segments_life_loses_no_acknowledged_row(kill_at_lines, step):
    """From the first directory to the last deleted file; and whoever comes next leaves nothing behind."""
    assert kill_at_lines("life", step) * step > 200


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.soak)])
def test_a_kill_at_any_line_of_an_adoption_and_one_more_lose_no_acknowledged_row(kill_at_lines, step):
    """Of a life that ended with rows in two segments."""
    assert kill_at_lines("adoption", step) * step > 100
