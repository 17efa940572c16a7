"""The examples run, and what they log arrives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(("name", "count"), [("otel_sdk.py", 2), ("otel_batch.py", 100)])
def test_an_example_runs_and_its_rows_arrive(emulator, name, count):
    """Told of an emulator by its environment alone."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env=os.environ | emulator.environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert emulator.count("AppLogs_CL") == count


def test_every_example_is_run():
    """Those in Python here, the shell's with the instrumentation, the loggers' in test_loggers.py."""
    names = {path.name for path in EXAMPLES.iterdir()} - {"__pycache__"}

    assert names == {"otel_sdk.py", "otel_batch.py", "otel_environment.sh"} | {
        "json_formatter.py", "structlog_events.py", "loguru_sink.py", "two_tables",
    }  # fmt: skip
