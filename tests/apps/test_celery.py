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
    "2",
    "--without-gossip",
    "--without-mingle",
]


@pytest.fixture
def work(serve, emulator, tmp_path):
    """Run a worker on the ten tasks of the example until they are done, and stop it."""

    def run(*options):
        folder = tmp_path / "broker"
        folder.mkdir()
        environment = {"BROKER_FOLDER": str(folder), "DCRLOG_ENABLED": "false"}
        with running(["tasks.py"], environment=environment, cwd=CELERY, output=tmp_path / "sent") as sending:
            assert sending.wait() == 0, sending.written
        with serve([*WORKER, *options], directory=CELERY, port=False, BROKER_FOLDER=folder) as worker:
            assert until(lambda: worker.written.count(" succeeded in ") == 10), worker.written
            assert worker.stop() == 0
        return emulator.rows("AppLogs_CL")

    return run


def test_processes_that_are_recycled_flush_at_their_end(work, emulator):
    """After three tasks each, and when the worker stops; in Celery's own words too."""
    rows = work("--pool", "prefork", "--max-tasks-per-child", "3")

    assert count_rows(emulator) == orders(range(10))
    assert len({row["Process"] for row in rows if row["Logger"] == "shop"}) > 2
    assert {"celery.app.trace", "celery.worker.strategy"} <= {row["Logger"] for row in rows}
