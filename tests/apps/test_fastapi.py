"""FastAPI under uvicorn, which ends by the signal that has stopped it: no exit hook runs."""

import shutil
import signal

import pytest

from pipelines import until
from servers import EXAMPLES, count_rows, orders

pytest.importorskip("fastapi")
FASTAPI = EXAMPLES / "fastapi"
UVICORN = ["-m", "uvicorn", "main:app", "--port", "PORT"]
LOG = ["--log-config", "log.json"]


@pytest.mark.parametrize(
    ("options", "by_signal"),
    [([], "false"), (["--lifespan", "off"], "true"), (["--workers", "2"], "true")],
    ids=["by the lifespan", "by the signal", "workers"],
)
def test_requests_are_delivered_when_the_server_stops(serve, emulator, tmp_path, options, by_signal):
    """Each of the two is enough for them, in workers too."""
    project = shutil.copytree(FASTAPI, tmp_path / "project")
    config = project / "log.json"
    config.write_text(
        config.read_text().replace('flush_on_sigterm": true', f'flush_on_sigterm": {by_signal}')
    )
    with serve([*UVICORN, *LOG, *options], directory=project) as server:
        server.get_all(f"/orders/{number}" for number in range(10))
        server.stop()

    assert count_rows(emulator) == orders(range(10))


def test_with_both_the_last_words_of_the_server_arrive_too(serve, emulator):
    """It says them after the lifespan has ended, and ends by the signal all the same."""
    with serve([*UVICORN, *LOG], directory=FASTAPI) as server:
        server.get_all(["/orders/1"])
        assert server.stop() == -signal.SIGTERM

    rows = emulator.rows("AppLogs_CL")
    assert [row["Message"] for row in rows][-1].startswith("Finished server process")
    assert count_rows(emulator) == orders([1])


def test_a_reload_delivers_each_record_once(serve, emulator, tmp_path):
    """The process that is replaced flushes at its end, and so does the last."""
    project = shutil.copytree(FASTAPI, tmp_path / "project")
    with serve([*UVICORN, *LOG, "--reload"], directory=project) as server:
        server.get_all(f"/orders/{number}" for number in range(5))
        (project / "main.py").touch()
        assert until(lambda: server.written.count("Application startup complete") == 2)
        assert count_rows(emulator) == orders(range(5))
        server.get_all(f"/orders/{number}" for number in range(5, 10))
        server.stop()

    assert count_rows(emulator) == orders(range(10))
