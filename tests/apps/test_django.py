"""Django, served by its own server, by gunicorn and by uvicorn."""

import os
import shutil
import signal
import sys

import pytest

from pipelines import until
from servers import EXAMPLES, count_rows, orders

pytest.importorskip("django")
DJANGO = EXAMPLES / "django"
USER_AGENT = f"Python-urllib/{sys.version_info.major}.{sys.version_info.minor}"
WATCHES = "Watching for file changes"


def test_runserver_with_its_reloader_delivers_each_record_once(serve, emulator, tmp_path):
    """It configures logging twice, in a parent and in a child that is replaced when a file changes."""
    project = shutil.copytree(DJANGO, tmp_path / "project")
    command = ["manage.py", "runserver", "127.0.0.1:PORT"]
    with serve(command, directory=project) as server:
        server.get_all(f"/orders/{number}" for number in range(5))
        (project / "shop" / "urls.py").touch()
        assert until(lambda: server.written.count(WATCHES) == 2)
        # The child that is replaced ends in order.
        assert count_rows(emulator) == orders(range(5))
        assert until(server.is_listening)
        server.get_all(f"/orders/{number}" for number in range(5, 10))
        # The reloader itself would kill it a quarter of a second after Ctrl-C.
        (child,) = server.children()
        os.kill(child, signal.SIGTERM)
        assert server.wait() == 0

    assert count_rows(emulator) == orders(range(10))


def test_ctrl_c_ends_runserver_and_keeps_what_was_sent_before(serve, emulator):
    """The reloader kills its child a quarter of a second later: what waits until then may be lost."""
    command = ["manage.py", "runserver", "127.0.0.1:PORT"]
    with serve(command, directory=DJANGO, DCRLOG_FLUSH_INTERVAL="0.1") as server:
        server.get_all(f"/orders/{number}" for number in range(5))
        assert until(lambda: count_rows(emulator).total() == 5)
        # A terminal sends it to the child too.
        os.killpg(server.process.pid, signal.SIGINT)
        server.wait()

    assert count_rows(emulator) == orders(range(5))


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "gunicorn", "shop.wsgi", "--bind", "127.0.0.1:PORT", "--threads", "2"],
        ["-m", "uvicorn", "shop.asgi:application", "--port", "PORT"],
    ],
    ids=["wsgi", "asgi"],
)
def test_requests_are_delivered_when_the_server_stops(serve, emulator, command):
    """With the fields of each, and the traceback of a view that fails."""
    with serve(command, directory=DJANGO) as server:
        server.get_all(f"/orders/{number}" for number in range(10))
        assert server.get("/fail") == 500
        server.stop()

    assert count_rows(emulator) == orders(range(10))
    rows = {row["Message"]: row for row in emulator.rows("AppLogs_CL")}
    assert rows["order 7 paid"]["Properties"] == {"amount": 12.5, "agent": USER_AGENT}
    failure = rows["Internal Server Error: /fail"]
    assert failure["Logger"] == "django.request"
    assert "RuntimeError: no way to /fail" in failure["Exception"]
    assert failure["Properties"]["status_code"] == 500
