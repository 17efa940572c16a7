"""Celery. Run it with `celery --app tasks worker`, and send with `python tasks.py`."""

import logging.config
import os

# Not needed but in the pool's processes, for their first delivery: imported once, before they are forked.
import azure.identity
import azure.monitor.ingestion  # noqa: F401
from celery import Celery, signals

# A broker without a server, for this example.
FOLDER = os.environ.get("BROKER_FOLDER", "broker")

app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": FOLDER, "data_folder_out": FOLDER, "control_folder": FOLDER,
}  # fmt: skip
log = logging.getLogger("shop")


@signals.setup_logging.connect
def configure_logging(**_: object) -> None:
    """Configure logging in place of Celery, which would remove what it finds on the root logger."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "azure": {"class": "dcrlog.LogsIngestionHandler"},
                "console": {"class": "logging.StreamHandler"},
            },
            "root": {"level": "INFO", "handlers": ["azure", "console"]},
            "loggers": {"azure": {"level": "WARNING"}},
        }
    )


@app.task
def pay(number: int) -> None:
    """Log a record with a field of its own."""
    log.info("order %d paid", number, extra={"amount": 12.5})


if __name__ == "__main__":
    for number in range(10):
        pay.delay(number)
