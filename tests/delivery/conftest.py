"""The emulator over real HTTP and TLS, and a logger of its own for each test."""

import os
from functools import partial

import pytest

from dcrlog import DropReason
from dcrlog.emulator import Emulator
from dcrlog.testing import RecordingSender
from pipelines import assert_balanced, make_logger, make_pipeline, until


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
        assert_balanced(handler)
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def home(tmp_path):
    """This user's own directory in the spool of `spooled`."""
    return tmp_path / f"dcrlog-{os.geteuid()}"


def has_ended(pipeline):
    """Whether no sender is left. A clock that stands still keeps one that has a loss to tell in a second."""
    getattr(pipeline._clock, "advance", lambda seconds: None)(1.0)
    return not pipeline._senders.are_alive


@pytest.fixture
def spooled(tmp_path):
    """Makes pipelines that share a spool; ends them."""
    made = []

    def make(sender=None, clock=None, **options):
        options = {"flush_interval": 0.01, "spool_dir": tmp_path, **options}
        made.append(make_pipeline(sender or RecordingSender(), clock, **options))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline._queue.drop_rest(DropReason.EXIT)
        pipeline._senders.end()
        assert until(partial(has_ended, pipeline))
        pipeline._spool.abandon()
