"""The way of a new user: from rows on paper to rows in a table, with the README and the commands alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from dcrlog.emulator import Emulator

ROOT = Path(__file__).parents[2]
DCRLOG = [sys.executable, "-m", "dcrlog"]


def block(language):
    """The first fenced block of that language in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def test_sample_rows_become_a_rule_a_program_and_rows_in_a_table(tmp_path):
    """Sample rows, provision, the emulator in Azure's place, the README's program, doctor, and the rows."""
    (tmp_path / "sample.json").write_text(block("json"))
    (tmp_path / "app.py").write_text(block("python"))

    def run(*command, **variables):
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    options = ("--sample", "sample.json", "--stream", "Custom-AppLogs", "--output", "dcrlog.json")
    run(*DCRLOG, "provision", *options)
    with Emulator(tmp_path / "dcrlog.json") as emulator:
        run(sys.executable, "app.py", **emulator.environment())
        told = json.loads(run(*DCRLOG, "doctor", "--rule", "dcrlog.json", "--json", **emulator.environment()))
        rows = emulator.rows("AppLogs_CL")
        warnings = {entry["warning"] for entry in emulator.requests()}

    paid, low, probe = rows
    assert (paid["Message"], paid["Properties"]["tenant"]) == ("order A-17 paid", "contoso")
    assert (low["Message"], low["Properties"]["item"]["left"]) == ("stock is low: 3 left", 3)
    assert told["well"]
    assert re.search(r'Message has "(.*)"', told["query"])[1] in probe["Message"]
    assert warnings == {None}
