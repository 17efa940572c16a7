"""Hypothesis profiles: "dev" for every run, "soak" for `HYPOTHESIS_PROFILE=soak`."""

import os

from hypothesis import HealthCheck, settings

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_CHECKS)
settings.register_profile("soak", max_examples=2_000, deadline=None, suppress_health_check=_CHECKS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
