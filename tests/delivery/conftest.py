"""The emulator over real HTTP and TLS, and a logger of its own for each test."""

import pytest

from dcrlog.emulator import Emulator
from pipelines import make_logger


@pytest.fixture(scope="module")
def shared_emulator():
    """One emulator for the module."""
    with Emulator() as running:
        yield running


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
