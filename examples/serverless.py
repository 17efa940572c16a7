"""A function that is frozen, or killed, as soon as it has returned: it flushes for each invocation."""

import logging.config
from typing import Any

from dcrlog import ends

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler"}},
        "root": {"level": "INFO", "handlers": ["azure"]},
    }
)
log = logging.getLogger("shop")


def handle(event: dict[str, Any], context: object = None) -> dict[str, Any]:  # noqa: ARG001 - the platform's
    """Serve one invocation."""
    try:
        log.info("order %s paid", event["order"], extra={"amount": 12.5})
        return {"paid": event["order"]}
    finally:
        # Before the answer. What is not settled by then is sent with the next invocation.
        ends.flush(timeout=2.0)
