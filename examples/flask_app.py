"""Flask. Run it with `flask --app flask_app run`."""

import logging.config

from flask import Flask

# Before the application is made, so that it adds no handler of its own.
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler", "flush_on_sigterm": True}},
        "root": {"level": "INFO", "handlers": ["azure"]},
    }
)
app = Flask(__name__)


@app.get("/orders/<int:number>")
def pay(number: int) -> dict[str, int]:
    """Log a record with a field of its own."""
    app.logger.info("order %d paid", number, extra={"amount": 12.5})
    return {"paid": number}
