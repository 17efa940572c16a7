"""loguru with the handler as a sink: what is bound and what is passed goes into columns."""

from loguru import logger

from dcrlog import LogsIngestionHandler

azure = LogsIngestionHandler(columns={"Tenant": "tenant", "Amount": {"field": "amount", "type": "real"}})
logger.add(azure, format="{message}", level="INFO")

log = logger.bind(tenant="contoso")
log.success("order {order} paid", order="A-17", amount=12.5)
try:
    raise LookupError("no such parcel")
except LookupError:
    log.exception("order {order} lost", order="A-18")
