"""structlog on top of logging: the event's fields go into columns, the console keeps its own renderer."""

import logging

import structlog

from dcrlog import LogsIngestionHandler

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
console = logging.StreamHandler()
console.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
azure = LogsIngestionHandler(columns={"Tenant": "tenant", "Amount": {"field": "amount", "type": "real"}})
root = logging.getLogger()
root.setLevel(logging.INFO)
root.addHandler(console)
root.addHandler(azure)  # not by basicConfig, which gives each handler a formatter

log = structlog.get_logger("shop").bind(tenant="contoso")
log.info("order paid", order="A-17", amount=12.5)
try:
    raise LookupError("no such parcel")
except LookupError:
    log.exception("order lost", order="A-18")
