"""Whole programs with OpenTelemetry's instrumentation, against an emulator; `scripts/test-otel` runs them."""

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from importlib.util import find_spec

import pytest

from otel_programs import SDK

# The instrumentation pins an SDK that is not the newest, so it has an environment of its own.
collect_ignore_glob = [] if find_spec("opentelemetry.instrumentation") else ["test_*.py"]


@pytest.fixture
def run(emulator, tmp_path):
    """Run a program, told of the emulator by its environment alone, to its end; return what it printed."""

    def run_program(source, *, command=(sys.executable,), preamble=SDK, seconds=90, status=0, **environment):
        script = tmp_path / "app.py"
        script.write_text(preamble + textwrap.dedent(source))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        child = subprocess.Popen(
            [*command, str(script)],
            cwd=tmp_path,
            env=inherited | emulator.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = child.communicate(timeout=seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
        assert child.returncode == status, stderr
        return stdout, stderr

    return run_program


@pytest.fixture
def rows(emulator):
    """The rows that arrived."""
    return lambda: emulator.rows("AppLogs_CL")
