"""Programs run as children, against one emulator, with a watchdog."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from contextlib import suppress

import pytest

WATCHDOG_SECONDS = 60


class Program:
    """What became of a child process."""

    def __init__(self, status, stdout, stderr, seconds):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds
        self.ended = time.monotonic()


def watch(arguments, environment, *, stderr, seconds):
    """Run a program to its end, for so many seconds at most; none of its children outlives it."""
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told = child.communicate(timeout=seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    program = Program(child.returncode, *told, time.monotonic() - started)
    if stderr is not None:
        assert program.stderr == stderr
    return program


@pytest.fixture
def run(emulator):
    """Run a program whose handler is configured by dictConfig and the environment alone."""

    def run_program(source, *, stderr="", preamble=PREAMBLE, seconds=WATCHDOG_SECONDS, **environment):
        source = preamble + textwrap.dedent(source)
        environment = {**emulator.environment(), **environment}
        return watch(["-c", source], environment, stderr=stderr, seconds=seconds)

    return run_program


@pytest.fixture
def run_script(emulator, tmp_path):
    """As `run`, from a file: what multiprocessing spawns imports it again."""

    def run_file(source, *, stderr="", preamble=PREAMBLE, seconds=WATCHDOG_SECONDS, **environment):
        script = tmp_path / "program.py"
        script.write_text(preamble + textwrap.dedent(source))
        environment = {**emulator.environment(), **environment}
        return watch([str(script)], environment, stderr=stderr, seconds=seconds)

    return run_file


PREAMBLE = """
import logging, logging.config
CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler"}},
    "root": {"level": "DEBUG", "handlers": ["azure"]},
}
logging.config.dictConfig(CONFIG)
log = logging.getLogger("app")
"""


@pytest.fixture
def messages(emulator):
    """The messages that arrived, in the order of their rows."""
    return lambda: [row["Message"] for row in emulator.rows("AppLogs_CL")]


@pytest.fixture
def uploads(emulator):
    """The ingestion requests that were made."""
    return lambda: [request for request in emulator.requests() if request["kind"] == "ingestion"]


@pytest.fixture
def counted(emulator):
    """The messages that arrived, each with how often, once it is sure that no row came twice."""

    def count():
        rows = emulator.rows("AppLogs_CL")
        numbers = Counter((row["InstanceId"], row["Seq"]) for row in rows)
        assert [number for number, times in numbers.items() if times > 1] == []
        return Counter(row["Message"] for row in rows)

    return count
