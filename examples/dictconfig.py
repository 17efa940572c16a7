"""The standard library's `dictConfig`, in Python. Needs the three variables that say where to."""

import logging.config

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "azure": {"class": "dcrlog.LogsIngestionHandler", "level": "INFO"},
            "console": {"class": "logging.StreamHandler", "level": "WARNING"},
        },
        "root": {"level": "INFO", "handlers": ["azure", "console"]},
    }
)

log = logging.getLogger("shop")
log.info("order %s paid", "A-17", extra={"tenant": "contoso", "amount": 12.5})
try:
    raise TimeoutError("no answer from the bank")
except TimeoutError:
    log.exception("order %s failed", "A-18")
