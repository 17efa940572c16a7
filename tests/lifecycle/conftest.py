"""Programs run as children, against one emulator, with a watchdog."""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from dcrlog.emulator import Emulator

WATCHDOG_SECONDS = 60


@pytest.fixture(scope="session")
def shared_emulator():
    """One emulator for the whole directory; `emulator` empties it before each test."""
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(shared_emulator):
    """The emulator, without rows or requests."""
    shared_emulator.reset()
    return shared_emulator


class Program:
    """What became of a child process."""

    def __init__(self, completed, seconds):
        self.status = completed.returncode
        self.stdout = completed.stdout
        self.stderr = completed.stderr
        self.seconds = seconds


@pytest.fixture
def run(emulator):
    """Run a program whose handler is configured by dictConfig and the environment alone."""

    def run_program(source, *, stderr="", preamble=PREAMBLE, **environment):
        started = time.monotonic()
        completed = subprocess.run(
            [sys.executable, "-c", preamble + textwrap.dedent(source)],
            env={**os.environ, **emulator.environment(), **environment},
            capture_output=True,
            text=True,
            timeout=WATCHDOG_SECONDS,
            check=False,
        )
        if stderr is not None:
            assert completed.stderr == stderr
        return Program(completed, time.monotonic() - started)

    return run_program


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
