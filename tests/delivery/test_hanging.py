"""What hangs costs a sender, never a logging call; and what is secret is told nowhere."""

import logging
import os
import socket
import threading

import pytest

from dcrlog import LogsIngestionHandler
from dcrlog.emulator import Fault


@pytest.fixture
def slow_names(monkeypatch):
    """Name resolution that answers when it is released."""
    asked, released = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def wait(*args, **options):
        asked.set()
        assert released.wait(30)
        return resolve(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield asked, released.set
    released.set()


@pytest.mark.parametrize("what", ["server", "token endpoint", "names"])
def test_a_logging_call_does_not_wait_for_what_hangs(request, emulator, logger, what):
    """A thousand calls return while the request of the first is under way, and is still so after them."""
    if what == "names":
        asked, go_on = request.getfixturevalue("slow_names")
    else:
        kind = "token" if what == "token endpoint" else "ingestion"
        asked, go_on = emulator.faults.add(Fault("hang", kind=kind, times=1)), emulator.faults.clear
    credential = {"()": "azure.identity.EnvironmentCredential"}  # of its own, without a token in its cache
    handler = LogsIngestionHandler(credential=credential, flush_interval=0.01)
    logger.addHandler(handler)
    logger.info("first")
    assert asked.wait()
    for number in range(1_000):
        logger.info("record %d", number)

    assert handler.stats().accepted == 1_001
    assert handler.stats().pending >= 1
    go_on()
    assert handler.flush(30)
    assert emulator.count("AppLogs_CL") == 1_001


def test_no_secret_is_told_anywhere(emulator, capfd):
    """Token and client secret are in no record of any logger, on no stream, and in no account."""
    canary = os.environ["AZURE_CLIENT_SECRET"]
    heard = []

    class Hears(logging.Handler):
        def emit(self, record):
            heard.append(self.format(record) + repr(record.__dict__))

    root = logging.getLogger()
    before = root.level
    handler, hears = LogsIngestionHandler(credential="environment", flush_interval=0.01), Hears()
    root.setLevel(logging.DEBUG)
    root.addHandler(hears)
    root.addHandler(handler)
    try:
        for status in (401, 403, 500):
            emulator.faults.add(Fault("status", status=status, times=1))
        emulator.faults.add(Fault("status", kind="token", status=401, times=1))
        logging.getLogger("app").info("one")
        assert not handler.flush(3)  # held for the 403
        assert {request["fault"] for request in emulator.requests()} >= {"status"}
        told = repr(handler.stats()) + repr(handler) + repr(vars(handler))
    finally:
        root.removeHandler(handler)
        root.removeHandler(hears)
        root.setLevel(before)
        emulator.faults.clear()
        handler.close()

    assert handler.stats().delivered == 1
    token = emulator.token().split(".")[1][:20]
    streams = "".join(capfd.readouterr())
    assert heard
    for where in (streams, told, "".join(heard), repr(emulator.rows("AppLogs_CL"))):
        assert canary not in where
        assert token not in where
