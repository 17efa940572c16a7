"""gunicorn with --preload: the handler is made in the arbiter, and each worker delivers its own rows."""

import re
import signal
from pathlib import Path

import pytest

from pipelines import until
from servers import EXAMPLES, NO_GEVENT_AT_EXIT, count_rows, orders

pytest.importorskip("gunicorn")
GUNICORN = EXAMPLES / "gunicorn"
COMMAND = ["-m", "gunicorn", "--bind", "127.0.0.1:PORT"]
CLASSES = {
    "sync": ["app"],
    "gthread": ["app", "--threads", "4"],
    "gevent": ["app", "--worker-class", "gevent"],
    "uvicorn": ["main:app", "--pythonpath", "../fastapi", "--worker-class", "uvicorn_worker.UvicornWorker"],
}


def skip_gevent_where_it_cannot_flush(kind):
    if kind == "gevent":
        pytest.importorskip("gevent", reason="gevent has no wheel for this Python")
        if NO_GEVENT_AT_EXIT:
            pytest.skip(NO_GEVENT_AT_EXIT)


def have_started(workers):
    """Whether there are two workers that have their own signal handlers.

    One that gets SIGTERM before takes it for the arbiter's, and lives on until that kills it: gunicorn's way.
    """
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in workers]
    caught = [int(re.search(r"SigCgt:\s*(\w+)", text)[1], 16) for text in texts]
    # A worker catches SIGABRT, or as that of uvicorn no SIGCHLD any more; with the arbiter it is the reverse.
    return len(caught) == 2 and all(
        has(mask, signal.SIGABRT) or not has(mask, signal.SIGCHLD) for mask in caught
    )


def has(mask, number):
    return bool(mask >> (number - 1) & 1)


@pytest.mark.parametrize("kind", CLASSES)
def test_requests_are_delivered_when_the_server_stops(serve, emulator, kind):
    """By workers of every class, two of them."""
    skip_gevent_where_it_cannot_flush(kind)
    with serve([*COMMAND, *CLASSES[kind]], directory=GUNICORN) as server:
        server.get_all(f"/orders/{number}" for number in range(20))
        assert until(lambda: have_started(server.children()))
        assert server.stop() == 0

    assert count_rows(emulator) == orders(range(20))


@pytest.mark.parametrize(
    "kind", ["sync", *(pytest.param(kind, marks=pytest.mark.soak) for kind in CLASSES if kind != "sync")]
)
def test_workers_that_are_recycled_flush_at_their_end(serve, emulator, kind):
    """Each ends after a few requests, while others serve."""
    skip_gevent_where_it_cannot_flush(kind)
    recycle = ["--max-requests", "4"]
    with serve([*COMMAND, *CLASSES[kind], *recycle], directory=GUNICORN) as server:
        server.get_all((f"/orders/{number}" for number in range(16)), threads=2)
        assert until(lambda: server.written.count("Booting worker") > 2)
        assert until(lambda: have_started(server.children()))
        assert server.stop() == 0

    assert count_rows(emulator) == orders(range(16))
