"""The examples run, and what they log arrives."""

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from servers import EXAMPLES, count_rows, inherited_environment, orders


@pytest.fixture
def run(emulator):
    """Run Python on an example to its end, told of an emulator by its environment alone."""

    def run_here(*words, status=0, **environment):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=EXAMPLES, env=inherited_environment() | emulator.environment() | environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return emulator.rows("AppLogs_CL")

    return run_here


@pytest.mark.parametrize(("name", "count"), [("otel_sdk.py", 2), ("otel_batch.py", 100)])
def test_the_examples_of_opentelemetry_deliver_their_records(run, name, count):
    """One with the SDK's parts, one with its own batch processor."""
    assert len(run(name)) == count


def test_dictconfig_in_python(run):
    """Two records, one of them with a traceback."""
    paid, failed = run("dictconfig.py")

    assert paid["Message"] == "order A-17 paid"
    assert paid["Properties"] == {"tenant": "contoso", "amount": 12.5}
    assert (failed["Level"], failed["Message"]) == ("ERROR", "order A-18 failed")
    assert failed["Exception"].endswith("TimeoutError: no answer from the bank")


def test_dictconfig_in_yaml(run):
    """With settings of the handler."""
    (row,) = run("dictconfig_yaml.py")

    assert row["Properties"] == {"tenant": "contoso", "api_key": "[redacted]"}


def test_asyncio(run, emulator):
    """Every coroutine's records, once."""
    rows = run("asyncio_tasks.py")

    assert Counter(row["Message"] for row in rows) == {
        f"order {number} {state}": 1 for number in range(10) for state in ("begun", "paid")
    }


@pytest.mark.parametrize(
    "method", ["fork", *(pytest.param(name, marks=pytest.mark.soak) for name in ("spawn", "forkserver"))]
)
def test_multiprocessing(run, emulator, method):
    """The parent's and the workers', each under an `InstanceId` of its own."""
    rows = run("multiprocessing_pool.py", method)

    assert count_rows(emulator) == orders(range(10))
    assert {row["Message"] for row in rows} >= {"begin", "end"}
    assert len({row["InstanceId"] for row in rows}) == len({row["Process"] for row in rows}) > 1


def test_a_function_is_flushed_when_it_returns(run, emulator):
    """It is killed right after each invocation here."""
    for order in range(2):
        run("-c", f"import os, serverless; serverless.handle({{'order': {order}}}); os.kill(os.getpid(), 9)",
            status=-signal.SIGKILL, DCRLOG_FLUSH_INTERVAL="60")  # fmt: skip

    assert count_rows(emulator) == orders(range(2))


def test_a_cell_that_is_run_twice_delivers_each_record_once(emulator):
    """In a kernel of Jupyter's, which is shut down then."""
    jupyter = pytest.importorskip("jupyter_client.manager")
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    (cell,) = ["".join(each["source"]) for each in notebook["cells"] if each["cell_type"] == "code"]
    manager = jupyter.KernelManager(kernel_name="python3")
    environment = inherited_environment() | emulator.environment() | {"DCRLOG_FLUSH_INTERVAL": "60"}
    manager.start_kernel(env=environment)
    try:
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        for _ in range(2):
            reply = client.execute_interactive(cell, timeout=60, output_hook=lambda message: None)
            assert reply["content"]["status"] == "ok", reply
        client.stop_channels()
        manager.shutdown_kernel()
    finally:
        manager.shutdown_kernel(now=True)

    assert count_rows(emulator, "model") == {"model trained": 2}


def test_every_example_is_run():
    """Each is named in a test here, or beside the instrumentation that it needs."""
    tests = Path(__file__).parents[1]
    texts = [path.read_text() for suite in ("apps", "otel") for path in (tests / suite).glob("*.py")]
    names = {path.stem for path in EXAMPLES.iterdir()} - {"__pycache__"}

    assert {name for name in names if not any(name in text for text in texts)} == set()
