"""Flask, served by its own server and by gunicorn."""

import signal

import pytest

from servers import count_rows, orders

pytest.importorskip("flask")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        # Its own server has no handler for SIGTERM: the example's setting flushes.
        (["-m", "flask", "--app", "flask_app", "run", "--port", "PORT"], -signal.SIGTERM),
        (["-m", "gunicorn", "flask_app:app", "--bind", "127.0.0.1:PORT"], 0),
    ],
    ids=["flask", "gunicorn"],
)
def test_requests_are_delivered_when_the_server_stops(serve, emulator, command, status):
    """What `app.logger` logs, with its fields."""
    with serve(command) as server:
        server.get_all(f"/orders/{number}" for number in range(10))
        assert server.stop() == status

    assert count_rows(emulator) == orders(range(10))
    row = next(row for row in emulator.rows("AppLogs_CL") if row["Message"] == "order 7 paid")
    assert row["Logger"] == "flask_app"
    assert row["Properties"] == {"amount": 12.5}
