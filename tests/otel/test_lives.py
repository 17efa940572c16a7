"""Forks, exits, outages: the manners of the handler hold for the OpenTelemetry front ends."""

import re
import secrets
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult

from dcrlog import DropReason
from dcrlog.emulator import Fault
from dcrlog.otel import LogsIngestionExporter
from dcrlog.settings import MIB
from otel_programs import SDK

GUNICORN = str(Path(sys.executable).parent / "gunicorn")
APP = """
import os
attach(os.environ["FRONT"])
log.info("imported")

def app(environ, start_response):
    log.info("handled by %d", os.getpid())
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""
SERVER = """
import os, signal, socket, subprocess, sys, urllib.request
with socket.create_server(("127.0.0.1", 0)) as found:
    port = found.getsockname()[1]
command = [os.environ["GUNICORN"], "--preload", "--workers", "2", "--bind", f"127.0.0.1:{port}", "wsgi:app"]
server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
for line in server.stderr:
    if "Booting worker" in line:
        break
for _ in range(20):
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20).close()
server.send_signal(signal.SIGTERM)
server.communicate(timeout=30)
"""


@pytest.mark.parametrize("front", ["batch", "processor"])
def test_the_records_of_forked_workers_arrive(run, rows, tmp_path, front):
    """The provider is made in gunicorn's arbiter, and the workers are forked from it with `--preload`."""
    (tmp_path / "wsgi.py").write_text(SDK + APP)
    run(SERVER, preamble="", FRONT=front, GUNICORN=GUNICORN, seconds=100)

    told = [row["Message"] for row in rows()]
    assert told.count("imported") == 1
    handled = [re.fullmatch(r"handled by (\d+)", message) for message in told]
    assert len([each for each in handled if each]) == 20
    assert len({(row["InstanceId"], row["Seq"]) for row in rows()}) == len(rows())


@pytest.mark.parametrize("front", ["batch", "processor"])
def test_the_exit_takes_no_longer_than_one_close_timeout(run, mute, front):
    """The provider's exit hook comes before ours, and both wait for the same deadline, a handler included."""
    printed, told = run(
        """
        import atexit, time
        attach("handler", close_timeout=1.5)
        attach(os.environ["FRONT"], close_timeout=1.5)
        log.info("nobody hears")
        ended = time.monotonic()

        class Last:
            def __del__(self):
                print(time.monotonic() - ended)

        last = Last()
        """,
        FRONT=front,
        DATA_COLLECTION_ENDPOINT=mute,
        DCRLOG_AUDIENCE="https://monitor.azure.com",
    )

    assert 1.0 < float(printed) < 2.2
    assert told.count("1 rows were not delivered when the process ended") == 2


@pytest.mark.parametrize("front", ["batch", "simple", "processor"])
def test_what_is_logged_last_arrives(run, rows, front):
    """Without a flush or a shutdown in the program."""
    run("attach(os.environ['FRONT'])\nfor number in range(500): log.info('%d', number)", FRONT=front)

    assert sorted(int(row["Message"]) for row in rows() if row["Logger"] == "app") == list(range(500))


def test_a_provider_made_before_dcrlog_is_imported_loses_nothing_at_exit(run, rows, emulator):
    """Its exit hook comes after ours then, and its whole queue in one go: not a request for each record."""
    program = """
        import logging
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        provider = LoggerProvider()
        from dcrlog.otel import LogsIngestionExporter
        provider.add_log_record_processor(
            BatchLogRecordProcessor(LogsIngestionExporter(), schedule_delay_millis=60_000)
        )
        logger = provider.get_logger("app")
        for number in range(400):
            logger.emit(body=str(number))
    """
    run(program, preamble="")

    assert sorted(int(row["Message"]) for row in rows()) == list(range(400))
    assert len([request for request in emulator.requests() if request["kind"] == "ingestion"]) <= 2


class Watching(LogsIngestionExporter):
    """Remembers what it has answered."""

    def __init__(self, **options):
        super().__init__(**options)
        self.answers = []

    def export(self, batch):
        answer = super().export(batch)
        self.answers.append((len(batch), answer))
        return answer


@pytest.mark.parametrize("seconds", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_an_outage_loses_nothing_that_was_accepted(emulator, monkeypatch, seconds):
    """Behind a batch processor, into a queue that it overflows; and each export says whether all was held."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    exporter = Watching(capacity=2 * MIB, flush_interval=0.2)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=50))
    logger = provider.get_logger("app")
    pause = threading.Event()
    emulator.faults.add(Fault("status", status=503))
    for number in range(400):
        logger.emit(body=f"{number} {secrets.token_hex(10_000)}")
        pause.wait(seconds / 400)
    emulator.faults.clear()
    for number in range(400, 420):
        logger.emit(body=f"{number} {secrets.token_hex(10_000)}")
        pause.wait(0.1)
    assert provider.force_flush()
    assert exporter.force_flush(90_000)
    provider.shutdown()

    stats = exporter.stats()
    assert sum(number for number, _ in exporter.answers) == 420
    assert stats.pending == 0
    dropped = stats.dropped[DropReason.QUEUE_FULL]
    assert 0 < dropped < 420
    assert set(stats.dropped) == {DropReason.QUEUE_FULL}
    assert stats.delivered == stats.accepted - dropped == emulator.count("AppLogs_CL")
    failed = sum(number for number, answer in exporter.answers if answer is LogRecordExportResult.FAILURE)
    held = {row["Message"].split()[0] for row in emulator.rows("AppLogs_CL") if row["Logger"] == "app"}
    assert dropped <= failed
    assert 420 - len(held) == dropped


@pytest.mark.parametrize("front", ["processor", "batch", "simple"])
def test_a_handler_and_an_exporter_on_one_root_warn_once_of_double_rows(run, rows, front):
    """Where each record arrives twice; not for one of its own, nor for OpenTelemetry's other logs."""
    _, told = run(
        f"""
        attach("handler")
        attach("{front}")
        log.info("twice")
        log.info("twice")
        """
    )
    assert told.count("delivers each record twice to stream 'Custom-AppLogs'") == 1
    assert len(rows()) == 4

    _, told = run(
        """
        attach("handler", rule_id="dcr-" + "1" * 32)
        attach("batch")
        log.info("once")
        """
    )
    assert "twice" not in told

    _, told = run(
        """
        attach("handler")
        provider = attach("batch")
        root = logging.getLogger()
        root.removeHandler(root.handlers[-1])
        root.addHandler(LoggingHandler(logger_provider=LoggerProvider()))
        log.info("once")
        provider.get_logger("events").emit(body="of its own")
        """
    )
    assert "twice" not in told


def test_a_provider_shut_down_by_a_thread_that_outlives_main_ends_nothing_else(run, rows):
    """Python calls `main` dead as soon as it has returned, and joins the other threads after that."""
    run(
        """
        attach("handler", close_timeout=1)
        provider = attach("processor", rule_id="dcr-" + "1" * 32)
        logging.getLogger().handlers[1].setLevel(100)

        def work():
            threading.main_thread().join()
            provider.shutdown()
            for number in range(10):
                threading.Event().wait(0.25)
                log.info("record %d", number)

        threading.Thread(target=work).start()
        """
    )
    assert sorted(row["Message"] for row in rows() if row["Logger"] == "app") == [
        f"record {number}" for number in range(10)
    ]
