"""The real client and real credentials, over real TLS, against the emulator."""

import re

import pytest

from dcrlog import DropReason, LogsIngestionHandler
from dcrlog._credentials import make_credential
from dcrlog._endpoint import parse_endpoint


def send_one(logger, **options):
    handler = LogsIngestionHandler(**options)
    logger.addHandler(handler)
    logger.info("one")
    return handler


def ingestions(emulator):
    return [request for request in emulator.requests() if request["kind"] == "ingestion"]


class Tokens:
    """A credential of the application's own."""

    def __init__(self, token):
        self.token = token
        self.asked_for = []

    def get_token(self, *scopes, **options):
        from azure.core.credentials import AccessToken

        self.asked_for += scopes
        return AccessToken(self.token, 4_000_000_000)


def make_tokens(token):
    """A factory, as a dictConfig names one."""
    return Tokens(token)


@pytest.mark.parametrize("credential", [None, "default", "environment", "managed_identity"])
def test_a_credential_by_name_gets_a_token_and_the_row_arrives(emulator, logger, monkeypatch, credential):
    """Nothing but the environment says who we are."""
    if credential == "managed_identity":
        monkeypatch.delenv("AZURE_CLIENT_ID")
    handler = send_one(logger, credential=credential)

    assert handler.flush(30)
    assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == ["one"]


def test_a_credential_object_and_a_factory_are_used(emulator, logger):
    """An application brings its own, as an object or as the path of what makes it."""
    tokens = Tokens(emulator.token())
    first = send_one(logger, credential=tokens)
    second = send_one(logger, credential={"()": f"{__name__}.make_tokens", "token": emulator.token()})

    assert first.flush(30)
    assert second.flush(30)
    assert tokens.asked_for == ["https://monitor.azure.com/.default"]
    assert emulator.count("AppLogs_CL") == 3


def test_plain_http_works_on_loopback(emulator, logger):
    """For tools that cannot trust the emulator's authority."""
    handler = send_one(logger, endpoint=emulator.http_endpoint)

    assert handler.flush(30)
    assert emulator.count("AppLogs_CL") == 1


def test_the_audience_is_what_tokens_are_asked_for(emulator, logger):
    """A sovereign cloud's audience, by the option; the endpoint's host gives it otherwise."""
    tokens = Tokens(emulator.token("https://monitor.azure.cn"))
    handler = send_one(logger, credential=tokens, audience="https://monitor.azure.cn")

    assert handler.flush(30)
    assert tokens.asked_for == ["https://monitor.azure.cn/.default"]


@pytest.mark.parametrize(
    ("host", "login"),
    [
        ("x.ingest.monitor.azure.com", "login.microsoftonline.com"),
        ("x.ingest.monitor.azure.cn", "login.chinacloudapi.cn"),
        ("x.ingest.monitor.azure.us", "login.microsoftonline.us"),
    ],
)
def test_the_login_authority_follows_the_cloud(monkeypatch, host, login):
    """Unless AZURE_AUTHORITY_HOST says otherwise, a token is asked for where the cloud issues them."""
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"AZURE_{name}", "x")
    endpoint = parse_endpoint(f"https://{host}")
    assert make_credential("environment", endpoint)._credential._authority == f"https://{login}"

    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.example.org")
    assert make_credential("environment", endpoint)._credential._authority == "https://login.example.org"


def test_each_request_has_an_id_of_its_own_that_a_failure_names(emulator, logger, capsys):
    """The role is missing: the 403's text is told with the x-ms-client-request-id that the service saw."""
    tokens = Tokens(emulator.token(role=False))
    handler = send_one(logger, credential=tokens)
    assert not handler.flush(1.5)

    told = handler.stats().last_error
    assert "403" in told
    assert "does not have access to ingest data" in told
    ids = [request["client_request_id"] for request in ingestions(emulator)]
    assert len(set(ids)) == len(ids) >= 1
    assert re.search(r"x-ms-client-request-id ([0-9a-f-]{36})", told)[1] in ids
    assert ids[0] in capsys.readouterr().err
    handler._pipeline._queue.drop_rest(DropReason.EXIT)


def test_a_token_that_cannot_be_had_is_told_and_tried_again(emulator, logger, monkeypatch, capsys):
    """Neither the application nor the row is harmed."""

    class Fails(Tokens):
        def get_token(self, *scopes, **options):
            if not self.asked_for:
                self.asked_for += scopes
                raise RuntimeError("no route to the login service")
            return super().get_token(*scopes, **options)

    handler = send_one(logger, credential=Fails(emulator.token()))

    assert handler.flush(30)
    assert emulator.count("AppLogs_CL") == 1
    assert "token: RuntimeError: no route to the login service" in capsys.readouterr().err


def test_an_endpoint_that_nobody_serves_is_tried_again_until_the_flush_gives_up(emulator, logger, capsys):
    """The official client gives up on a refused connection; we keep the row."""
    handler = send_one(logger, endpoint="https://127.0.0.1:9", close_timeout=0.5)

    assert not handler.flush(0.5)
    assert handler.stats().pending == 1
    handler._pipeline._queue.drop_rest(DropReason.EXIT)


def test_large_rows_go_through_the_client_within_the_limit(emulator, logger):
    """64 KB values, thousands of rows: several requests, none refused, every row once."""
    handler = LogsIngestionHandler()
    logger.addHandler(handler)
    for number in range(2_000):
        logger.info("%s", "x" * (number % 60_000), extra={"n": number})
    assert handler.flush(60)

    requests = ingestions(emulator)
    assert {request["status"] for request in requests} == {204}
    assert max(request["bytes"] for request in requests) <= 1_048_576
    assert sorted(row["Seq"] for row in emulator.rows("AppLogs_CL")) == list(range(1, 2_001))


def test_uploads_make_no_spans_and_records_know_theirs(emulator, logger):
    """The application traces azure-core: the record has its span's ids, and our uploads stay out of it."""
    from azure.core.settings import settings
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    settings.tracing_enabled = True
    try:
        with trace.get_tracer("app").start_as_current_span("request") as span:
            handler = send_one(logger)
            assert handler.flush(30)
    finally:
        settings.tracing_enabled = False

    (row,) = emulator.rows("AppLogs_CL")
    assert row["TraceId"] == f"{span.get_span_context().trace_id:032x}"
    assert row["SpanId"] == f"{span.get_span_context().span_id:016x}"
    assert [span.name for span in exporter.get_finished_spans()] == ["request"]
