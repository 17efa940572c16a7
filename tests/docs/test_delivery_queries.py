"""The queries of docs/delivery.md, word for word, on what processes with known losses have left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dcrlog.emulator import Emulator, Fault

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"
READ_ONCE, COMPLETENESS = re.findall(r"```kusto\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

PROGRAM = """
import logging, os, sys
from dcrlog import LogsIngestionHandler

handler = LogsIngestionHandler(account_rows="always", flush_interval=0.05)
log = logging.getLogger(sys.argv[1])
log.addHandler(handler)
log.setLevel(logging.INFO)
for number in range(40):
    log.info("%s %d", "poison" if number in (7, 8, 30) else "row", number)
    if number == 19:
        handler.flush(20)
handler.flush(20)
if sys.argv[1] == "crashed":
    os._exit(0)
"""
FAULTS = {
    "well": None,
    "refused": Fault("status", status=400, containing="poison"),
    "reply lost": Fault("lose_reply", nth=1),
    "stored nothing": Fault("status", status=204, nth=2),
    "crashed": None,
}


@pytest.fixture(scope="module")
def emulator():
    """One with the rows of five processes, each of which met another fault, and logs under its name."""
    with Emulator() as running:
        for name, fault in FAULTS.items():
            if fault is not None:
                running.faults.add(fault)
            subprocess.run(
                [sys.executable, "-c", PROGRAM, name],
                env={**os.environ, **running.environment()},
                timeout=60,
                check=True,
            )
            running.faults.clear()
        yield running


def test_the_completeness_query_tells_what_each_process_has_lost(emulator):
    """What is missing and told, what is double, what is missing untold, and whose end nobody has seen."""
    stored = emulator.rows("AppLogs_CL")
    names = {row["InstanceId"]: row["Logger"] for row in stored if row["Logger"] in FAULTS}
    found = {names[row.pop("InstanceId")]: row for row in emulator.query(COMPLETENESS)}
    # How many rows were in the requests that the faults hit depends on how quick the machine is.
    doubles = len(stored) - len({(row["InstanceId"], row["Seq"]) for row in stored})
    lost = 41 - sum(names[row["InstanceId"]] == "stored nothing" for row in stored)

    assert doubles > 0
    assert lost > 0
    # Each has a row that closes it, and the second one a row that tells.
    assert {name: tuple(row.values()) for name, row in found.items()} == {
        "well": (41, 0, 0, True, None, 0),
        "refused": (39, 0, 3, True, 3, 0),
        "reply lost": (41, doubles, 0, True, None, 0),
        "stored nothing": (41 - lost, 0, lost, True, None, lost),
        "crashed": (40, 0, 0, False, None, 0),
    }
    assert list(found["well"]) == ["Rows", "Duplicates", "Missing", "Closed", "Told", "Unexplained"]


def test_the_query_that_reads_each_row_once_leaves_no_duplicates(emulator):
    """All columns of one copy of each row."""
    rows = emulator.query(READ_ONCE)
    stored = {(row["InstanceId"], row["Seq"]): row for row in emulator.rows("AppLogs_CL")}

    assert len(rows) == len(stored) < emulator.count("AppLogs_CL")
    assert {(row["InstanceId"], row["Seq"]) for row in rows} == stored.keys()
    for row in rows:
        original = stored[row["InstanceId"], row["Seq"]]
        assert row.keys() == original.keys()
        assert (row["Message"], row["Properties"]) == (original["Message"], original["Properties"])
