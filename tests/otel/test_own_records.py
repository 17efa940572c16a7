"""What delivery itself logs and traces never comes back, whatever is instrumented and by whichever way."""

import json

import pytest

PROGRAM = """
from opentelemetry import trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from azure.core.settings import settings

spans = InMemorySpanExporter()
# Without azure-core every span is sampled, whatever its parent, so that one of ours would be seen.
is_azure_traced = os.environ["TRACES"] == "azure"
tracing = TracerProvider(sampler=None if is_azure_traced else ALWAYS_ON)
tracing.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracing)
for instrumentor in (RequestsInstrumentor, URLLib3Instrumentor, ThreadingInstrumentor):
    instrumentor().instrument()
settings.tracing_enabled = is_azure_traced

provider = attach(os.environ["FRONT"], flush_interval=0.1)
pause = threading.Event()
tracer = trace.get_tracer("app")
for number in range(100):
    with tracer.start_as_current_span("work"):
        log.info("record %d", number)
        pause.wait(float(os.environ["SECONDS"]) / 100)
if provider is not None:
    provider.shutdown()
else:
    logging.getLogger().handlers[0].close()
import json
print(json.dumps([span.name for span in spans.get_finished_spans()]))
"""


@pytest.mark.parametrize("seconds", [2, pytest.param(5, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "way",
    [
        ("handler", "azure"),
        ("batch", "azure"),
        ("simple", "azure"),
        ("processor", "azure"),
        ("handler", "all"),
        ("processor", "all"),
    ],
)
def test_exactly_the_programs_records_arrive_and_no_span_is_ours(run, rows, emulator, way, seconds):
    """The root logger at DEBUG, requests, urllib3, threading and azure-core traced; uploads all the while."""
    front, traces = way
    printed, _ = run(PROGRAM, FRONT=front, TRACES=traces, SECONDS=str(seconds))

    assert sorted(row["Message"] for row in rows()) == sorted(f"record {number}" for number in range(100))
    assert len({row["TraceId"] for row in rows()}) == 100
    assert json.loads(printed) == ["work"] * 100
    uploads = [request for request in emulator.requests() if request["kind"] == "ingestion"]
    assert len(uploads) > 5
    assert not any("traceparent" in request.get("headers", {}) for request in uploads)
