"""The benchmarks run, so that they never rot; what they measure is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("[!_]*.py")), ids=lambda path: path.name)
def test_a_benchmark_runs_one_short_round(path):
    """It ends well and prints a table with a row for each side."""
    done = subprocess.run(
        [sys.executable, str(path), "--quick", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["rows"]) >= 2
