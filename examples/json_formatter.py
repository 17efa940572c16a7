"""python-json-logger: its formatter says what the fields are, for the console and for the table alike."""

import logging
import logging.config

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(message)s %(levelname)s",
            "static_fields": {"service": "shop"},
            "rename_fields": {"user_id": "user"},
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json"},
        "azure": {
            "class": "dcrlog.LogsIngestionHandler",
            "formatter": "json",
            "columns": {"Service": "service", "Amount": {"field": "amount", "type": "real"}},
        },
    },
    "root": {"level": "INFO", "handlers": ["console", "azure"]},
}
logging.config.dictConfig(LOGGING)

log = logging.getLogger("shop")
log.info("order %s paid", "A-17", extra={"amount": 12.5, "user_id": 7})
log.info({"message": "order shipped", "parcels": [1, 2]})
