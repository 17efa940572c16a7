"""What holds for every test: balanced accounts, and the hypothesis profiles.

The profile is "dev" for every run, "soak" for `HYPOTHESIS_PROFILE=soak`.
"""

import os
import socket
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, settings

from pipelines import assert_balanced

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_CHECKS)
settings.register_profile("soak", max_examples=2_000, deadline=None, suppress_health_check=_CHECKS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def _balanced_accounts():
    """After every test, whatever it did, each row that was accepted is accounted for."""
    yield
    lifecycle = sys.modules.get("dcrlog._lifecycle")
    for pipeline in tuple(lifecycle._known) if lifecycle is not None else ():
        assert_balanced(pipeline)


@pytest.fixture(scope="session", autouse=True)
def _ended_senders():
    """Senders that still wait for a server when the tests are over let go of their connections first."""
    yield
    lifecycle = sys.modules.get("dcrlog._lifecycle")
    for pipeline in tuple(lifecycle._known) if lifecycle is not None else ():
        pipeline._queue.drop_rest("exit")
        pipeline._senders.end()
    # One deadline for all: there may be dozens, of handlers that no test has closed.
    deadline = time.monotonic() + 35
    senders = [thread for thread in threading.enumerate() if thread.name == "dcrlog-sender"]
    for thread in senders:
        # Those of a handler that is gone would stay for as long as any that has nothing to do.
        if run := getattr(thread, "_target", None):
            run.__self__.end()
    for thread in senders:
        thread.join(max(0.0, deadline - time.monotonic()))


@pytest.fixture(scope="session")
def shared_emulator():
    """One emulator for many tests; `emulator` empties it before each."""
    from dcrlog.emulator import Emulator

    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(shared_emulator):
    """The emulator, without rows or requests."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def mute():
    """A port of which nobody accepts connections, though the system does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
