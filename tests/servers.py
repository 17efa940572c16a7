"""Servers and workers as processes of their own, told of an emulator by the environment alone."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines import until

EXAMPLES = Path(__file__).parents[1] / "examples"
STOPS_IN_SECONDS = 15
"""What a process may take to stop: `close_timeout`, the worker's own grace and a busy machine."""

NO_GEVENT_AT_EXIT = (
    "Python 3.12.0 to 3.12.2 refuse forks and threads at exit, and gevent looks up names in a thread"
    if (3, 12, 0) <= sys.version_info < (3, 12, 3)
    else ""
)
"""Why gevent cannot flush at the exit of this Python; empty where it can."""

_bytecode = tempfile.TemporaryDirectory(prefix="dcrlog-bytecode-")
"""Shared by all processes: compiling the SDKs and the frameworks takes each of them longer than its work."""

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    """A port that nobody listens on, a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


class Running:
    """A process, with all of its descendants, and what it has written."""

    def __init__(self, process, port, output):
        self.process = process
        self.port = port
        self.output = output

    @property
    def written(self):
        return self.output.read_text(errors="replace")

    def get(self, path):
        """Make a request; return the status."""
        try:
            with _opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def get_all(self, paths, threads=4):
        """Make requests from several threads; each has to succeed."""
        with ThreadPoolExecutor(threads) as pool:
            assert set(pool.map(self.get, paths)) <= {200}

    def is_listening(self):
        assert self.process.poll() is None, self.written
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self, number=signal.SIGTERM):
        """Send a signal, and wait until the process has ended; return its status."""
        self.process.send_signal(number)
        return self.wait()

    def children(self):
        """The ids of its child processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def wait(self):
        """Wait until it has ended, with all descendants, which takes no longer than it may."""
        status = self.process.wait(STOPS_IN_SECONDS)
        assert until(lambda: not is_any_left(self.process.pid)), self.written
        return status


def is_any_left(group):
    """Whether there is a process in a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def inherited_environment():
    """This process's own, with bytecode that is kept for the next."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"PYTHONPYCACHEPREFIX": _bytecode.name}


@contextmanager
def running(command, *, environment, cwd, output, port=None):
    """Run `python -m COMMAND`, and end it with whatever it has started; yield it once it serves."""
    environment = {"PYTHONUNBUFFERED": "1", **inherited_environment(), **environment}
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        server = Running(process, port, output)
        if port is not None:
            assert until(server.is_listening), server.written
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def count_rows(emulator, prefix="order "):
    """The messages of the table that begin so, each with how often; and no row came twice."""
    rows = emulator.rows("AppLogs_CL")
    numbers = Counter((row["InstanceId"], row["Seq"]) for row in rows)
    assert [number for number, times in numbers.items() if times > 1] == []
    return Counter(row["Message"] for row in rows if row["Message"].startswith(prefix))


def orders(numbers):
    """What `count_rows` returns when each of these requests was logged once."""
    return {f"order {number} paid": 1 for number in numbers}
