"""Spans and log records of one service: logs go into a table, with the ids of their spans.

Run it against the emulator, whose variables `dcrlog emulator` prints, or against Azure.
"""

import logging

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from dcrlog import LogsIngestionHandler
from dcrlog.otel import LogsIngestionProcessor

resource = Resource.create({"service.name": "shop", "service.instance.id": "shop-1"})
trace.set_tracer_provider(TracerProvider(resource=resource))
tracer = trace.get_tracer("shop")

# Records of OpenTelemetry's own API ...
processor = LogsIngestionProcessor()
provider = LoggerProvider(resource=resource)
provider.add_log_record_processor(processor)
events = provider.get_logger("shop.events", "1.0")

# ... and those of the standard library, which need no OpenTelemetry to know their span.
handler = LogsIngestionHandler()
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(handler)

with tracer.start_as_current_span("checkout"):
    log.info("order %s paid", "A-17", extra={"amount": 12.5})
    events.emit(
        event_name="order.paid",
        severity_number=SeverityNumber.INFO,
        body={"order": "A-17", "lines": [{"sku": "X1", "count": 2}]},
        attributes={"http.request.method": "POST", "tenant": {"id": 7, "plan": "gold"}},
    )

assert processor.force_flush(10_000)
assert handler.flush(10)
print(processor.stats())
provider.shutdown()
