"""What holds for every test: balanced accounts, and the hypothesis profiles.

The profile is "dev" for every run, "soak" for `HYPOTHESIS_PROFILE=soak`.
"""

import os
import sys

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
        for thread in tuple(pipeline._senders._threads):
            thread.join(30)
