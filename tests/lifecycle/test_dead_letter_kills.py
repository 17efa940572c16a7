"""kill -9 while rows are refused: each is in the table, in the spool or a dead letter, and comes back."""

import json
import os
import random
import subprocess
import sys

import pytest

from dcrlog.emulator import Fault

LOGS = """
import logging, os, sys
from dcrlog import LogsIngestionHandler

log = logging.getLogger("kills")
log.propagate = False
log.addHandler(LogsIngestionHandler(flush_interval=0.02, account_rows="never"))
number = 0
while True:
    number += 1
    log.warning("%s-%d%s", sys.argv[1], number, "-poison" if number % 50 == 0 else "")
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.soak)])
@pytest.mark.timeout(1_200)
def test_every_row_is_delivered_or_a_dead_letter_and_then_delivered(emulator, tmp_path, kills):
    """None is lost on its way from the segment to the dead letter, nor on its way back."""
    emulator.faults.add(Fault("status", status=400, code="InvalidRow", containing="poison"))
    environment = {**os.environ, **emulator.environment(), "DCRLOG_SPOOL_DIR": str(tmp_path)}
    draws = random.Random(kills)

    def command(name):
        done = subprocess.run(
            [sys.executable, "-m", "dcrlog", "spool", name, "--timeout", "300", "--json"],
            env=environment, capture_output=True, text=True, timeout=310, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def stored():
        return {row["Message"] for row in emulator.rows("AppLogs_CL")}

    logged = set()
    for kill in range(kills):
        arguments = [sys.executable, "-c", LOGS, f"run{kill}"]
        with subprocess.Popen(
            arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            for _ in range(draws.randrange(500, 4_000)):
                number = int(child.stdout.readline())
                logged.add(f"run{kill}-{number}" + ("-poison" if number % 50 == 0 else ""))
            child.kill()
    command("drain")

    (dead,) = tmp_path.glob("*/dead")
    letters = [json.loads(path.read_bytes())["row"]["Message"] for path in dead.glob("[0-9]*.json")]
    assert logged <= stored() | set(letters)
    assert {each for each in logged if each.endswith("poison")} <= set(letters)
    emulator.faults.clear()
    retried = command("retry")
    assert retried["delivered"] == len(letters)
    assert logged <= stored()
    assert list(dead.glob("[0-9]*.json")) == []
