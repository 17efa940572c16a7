"""What tests of delivery begin with: a pipeline without a service, and a logger that nobody else hears."""

import logging

from dcrlog import settings
from dcrlog._pipeline import Pipeline

ROW = b'{"Message":"m"}'


def make_pipeline(sender, clock=None, **options):
    """A pipeline with the default columns and nothing from the environment."""
    return Pipeline(settings.load(options, {}, needs_endpoint=False), sender=sender, clock=clock)


def make_logger(name):
    """A logger that takes every record and passes none on."""
    logger = logging.getLogger(f"dcrlog-test.{name}")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger
