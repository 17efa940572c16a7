"""The emulator over real HTTP and TLS, and a logger of its own for each test."""

import threading

import pytest

from dcrlog.emulator import Emulator
from pipelines import make_logger


@pytest.fixture(scope="module")
def shared_emulator():
    """One emulator for the module."""
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _ended_threads():
    """Senders that are at a request when the tests are over let go of their connections first."""
    yield
    for thread in threading.enumerate():
        if thread.name == "dcrlog-sender":
            thread.join(35)


@pytest.fixture
def emulator(shared_emulator, monkeypatch):
    """The emulator, empty, with the environment pointing at it."""
    shared_emulator.reset()
    for name, value in shared_emulator.environment().items():
        monkeypatch.setenv(name, value)
    return shared_emulator


@pytest.fixture
def logger():
    """A logger of its own; its handlers are closed in the end, and balanced."""
    logger = make_logger("delivery")
    yield logger
    for handler in logger.handlers[:]:
        stats = handler.stats()
        assert stats.accepted == stats.delivered + sum(stats.dropped.values()) + stats.pending
        logger.removeHandler(handler)
        handler.close()
