"""The command's own way to order faults."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCES = str(Path(__file__).parents[2] / "src")


def test_the_command_line_takes_faults(web):
    """Those given as JSON come first; the rate and the latency apply to what they leave."""
    command = [sys.executable, "-m", "dcrlog", "emulator", "--fail-rate", "1", "--latency", "0.01"]
    command += ["--fault", '{"action": "status", "status": 429, "nth": 1}']
    environment = os.environ | {"PYTHONPATH": SOURCES}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = json.loads(process.stdout.readline())
            shown = web.get(f"{ready['http']}/_emulator/faults").json()
        finally:
            process.terminate()
        assert process.wait(20) == 0

    assert [(fault["action"], fault.get("status"), fault.get("rate")) for fault in shown] == [
        ("status", 429, None),
        ("status", 503, 1.0),
        ("delay", None, None),
    ]


def test_the_command_line_refuses_a_wrong_fault():
    """With the same words, and before anything is started."""
    command = [sys.executable, "-m", "dcrlog", "emulator", "--fault", '{"action": "hang", "nth": 0}']
    environment = os.environ | {"PYTHONPATH": SOURCES}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("dcrlog emulator: a fault's nth must be a whole number of at least 1")
