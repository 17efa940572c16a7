"""The programs in other languages that the documentation shows are run, where this machine can."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "emulator.md"


def block(language):
    """The first fenced block of that language on the page."""
    return re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
def test_the_session_in_a_shell_runs(tmp_path):
    """It starts the emulator, sends a row with a token, reads it back and stops it; the file is gone then."""
    command = tmp_path / "bin" / "dcrlog"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dcrlog "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        ["sh", "-euc", block("sh") + "\nwait"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert '"Message":"sent by curl"' in done.stdout
    assert "ready. Look at http://127.0.0.1:" in done.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["bin"]


def test_the_program_in_javascript_runs(emulator, packages):
    """With nothing but the variables."""
    (packages / "documented.mjs").write_text(block("javascript"))
    usual = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["node", "documented.mjs"],
        cwd=packages, env=usual | emulator.environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == ["sent by JavaScript"]
