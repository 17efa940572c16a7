"""An application's log and its audit trail, from one process into two tables."""

import logging
import logging.config
import os
from pathlib import Path

RULE = str(Path(__file__).with_name("rule.json"))
SPOOL = Path(os.environ.get("SPOOL", "spool"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "application": {
            "class": "dcrlog.LogsIngestionHandler",
            "rule": RULE,
            "stream_name": "Custom-AppLogs",
            "level": "INFO",
            "redact": True,
            "spool_dir": str(SPOOL / "application"),
        },
        "audit": {
            "class": "dcrlog.LogsIngestionHandler",
            "rule": RULE,  # or one of its own; then with its rule_id, and its endpoint if that differs
            "stream_name": "Custom-Audit",
            "columns": {"Action": "message", "EventTime": "created", "Details": "properties"},
            "spool_dir": str(SPOOL / "audit"),
            "fsync": True,
            "on_full": "block",
            "account_rows": "always",
        },
    },
    "loggers": {"audit": {"level": "DEBUG", "handlers": ["audit"], "propagate": False}},
    "root": {"level": "DEBUG", "handlers": ["application"]},
}


def main() -> None:
    """Log to both."""
    logging.config.dictConfig(LOGGING)
    log, audit = logging.getLogger("shop"), logging.getLogger("audit.orders")

    log.debug("not in any table: the handler's level is INFO")
    log.info("order %s paid with password=%s", "A-17", "hunter2")
    audit.debug("order.read", extra={"actor": "ann", "order": "A-17"})
    audit.info("order.refund", extra={"actor": "bob", "order": "A-17", "amount": 12.5})


if __name__ == "__main__":
    main()
