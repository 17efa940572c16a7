"""The benchmarks run, so that they never rot; what they measure is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(path, *arguments):
    done = subprocess.run(
        [sys.executable, str(path), *arguments, "--quick", "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["rows"]


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("[!_]*.py")), ids=lambda path: path.name)
def test_a_benchmark_runs_one_short_round(path):
    """It ends well and prints a table with a row for each side."""
    assert len(run(path)) >= 2


@pytest.mark.skipif(not (BENCHMARKS.parent / ".git").exists(), reason="needs another commit")
def test_two_commits_are_measured_in_turns():
    """What differs is told as a ratio."""
    rows = run(BENCHMARKS / "_compare.py", "HEAD")

    assert all(ratio > 0 for *_, ratio in rows)
