"""Celery with a pool of processes, which end without exit hooks."""

import pytest

from pipelines import until
from servers import EXAMPLES, count_rows, orders, running

pytest.importorskip("celery")
CELERY = EXAMPLES / "celery"
WORKER = [
    "-m",
    "celery",
    "--app",
    "tasks",
    "worker",
    "--concurrency",
    "1",
    "--without-gossip",
    "--without-mingle",
]


@pytest.fixture
def work(serve, emulator, tmp_path):
    """Run a worker on the ten tasks of the example, stop it when something has happened; return the rows."""

    def run(*options, until_it):
        folder = tmp_path / "broker"
        folder.mkdir()
        environment = {"BROKER_FOLDER": str(folder), "DCRLOG_ENABLED": "false"}
        with running(["tasks.py"], environment=environment, cwd=CELERY, output=tmp_path / "sent") as sending:
            assert sending.wait() == 0, sending.written
        with serve([*WORKER, *options], directory=CELERY, port=False, BROKER_FOLDER=folder) as worker:
            assert until(lambda: until_it(worker)), worker.written
            assert worker.stop() == 0
        return emulator.rows("AppLogs_CL")

    return run


def test_processes_that_are_recycled_flush_at_their_end(work, emulator):
    """After five tasks each; what Celery itself logs in them arrives too."""
    rows = work("--max-tasks-per-child", "5", until_it=lambda worker: count_rows(emulator).total() >= 10)

    assert count_rows(emulator) == orders(range(10))
    assert len({row["Process"] for row in rows if row["Logger"] == "shop"}) == 2
    assert {"celery.app.trace", "celery.worker.strategy"} <= {row["Logger"] for row in rows}


@pytest.mark.soak  # Celery gives its processes two seconds, which on a busy machine is not enough.
def test_a_worker_that_stops_has_its_processes_flush(work, emulator):
    """The rows of the last minute, here."""
    work(until_it=lambda worker: worker.written.count(" succeeded in ") == 10)

    assert count_rows(emulator) == orders(range(10))
