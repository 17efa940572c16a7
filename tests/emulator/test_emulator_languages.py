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


def in_a_shell(session, tmp_path):
    """Run a session with `dcrlog` on its path."""
    command = tmp_path / "bin" / "dcrlog"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dcrlog "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
    }
    return subprocess.run(
        ["sh", "-euc", session],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
def test_the_session_in_a_shell_runs(tmp_path):
    """It starts the emulator, sends a row with a token, reads it back and stops it; the file is gone then."""
    done = in_a_shell(f"{block('sh')}\nwait", tmp_path)

    assert done.returncode == 0, done.stderr
    assert '"Message":"sent by curl"' in done.stdout
    assert "ready. Look at http://127.0.0.1:" in done.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["bin"]


def test_the_session_in_a_shell_ends_where_the_emulator_does(tmp_path):
    """It does not wait for the file of one that could not start."""
    done = in_a_shell(block("sh").replace("emulator --env-file", "emulator --host '' --env-file"), tmp_path)

    assert done.returncode != 0
    assert "host is empty" in done.stderr


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
