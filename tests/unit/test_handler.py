"""The handler's manners: filters, formatters, the record, configuration."""

import copy
import logging
import logging.config

import pytest

import dcrlog
from dcrlog import ConfigError, LogsIngestionHandler
from dcrlog.testing import RecordingSender
from pipelines import make_logger


@pytest.fixture
def logger():
    """A logger of its own, without handlers before and after."""
    logger = make_logger("handler")
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def attach(logger, **options):
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, **options)
    logger.addHandler(handler)
    return handler, sender


def test_the_default_columns_are_filled_from_the_record(logger):
    """Each column of the design's table has its value; what nothing fills is left out."""
    handler, sender = attach(logger)
    logger.warning("user %s", "alice", extra={"tenant": "t1"})
    assert handler.flush(10)

    (row,) = sender.rows
    assert row.pop("TimeGenerated").endswith("Z")
    assert row.pop("Host")
    assert row.pop("Process") > 0
    assert row.pop("Line") > 0
    assert len(row.pop("InstanceId")) == 24
    assert row == {
        "Level": "WARNING",
        "Logger": "dcrlog-test.handler",
        "Message": "user alice",
        "Thread": "MainThread",
        "Function": "test_the_default_columns_are_filled_from_the_record",
        "Properties": {"tenant": "t1"},
        "Seq": 1,
    }


def test_the_record_is_not_changed(logger):
    """Another handler on the same logger sees it as it was, without cached text."""
    before, after = [], []

    class Looks(logging.Handler):
        def __init__(self, seen):
            super().__init__()
            self.seen = seen

        def emit(self, record):
            self.seen.append(copy.copy(record.__dict__))

    logger.addHandler(Looks(before))
    handler, _ = attach(logger, redact=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(Looks(after))
    try:
        raise ValueError("x")
    except ValueError:
        logger.exception("user %s", "alice", extra={"password": "hunter2"})

    assert before == after


def test_a_formatter_supplies_the_message_without_the_traceback(logger):
    """The traceback has a column of its own."""
    handler, sender = attach(logger)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    try:
        raise ValueError("boom")
    except ValueError:
        logger.exception("failed")
    assert handler.flush(10)

    (row,) = sender.rows
    assert row["Message"] == "[ERROR] failed"
    assert row["Exception"].endswith("ValueError: boom")


def test_a_filter_may_refuse_or_replace_a_record(logger):
    """As in Python 3.12, on 3.11 too; the caller's record stays as it was."""

    def replace(record):
        if record.msg == "no":
            return False
        other = copy.copy(record)
        other.msg = other.msg.upper()
        return other

    handler, sender = attach(logger)
    handler.addFilter(replace)
    logger.info("no")
    logger.info("yes")
    assert handler.flush(10)

    assert [row["Message"] for row in sender.rows] == ["YES"]
    assert handler.stats().accepted == 1


def test_a_filter_that_raises_neither_crashes_the_application_nor_loses_the_record(logger):
    """The filter has not refused it."""
    handler, sender = attach(logger)
    handler.addFilter(lambda record: 1 / 0)
    logger.info("kept")
    assert handler.flush(10)

    assert [row["Message"] for row in sender.rows] == ["kept"]


def test_a_level_by_name_or_number_is_honoured(logger):
    """Records below it are not taken."""
    handler, sender = attach(logger, level="WARNING")
    logger.info("below")
    logger.error("above")
    assert handler.flush(10)

    assert [row["Message"] for row in sender.rows] == ["above"]
    assert handler.stats().accepted == 1


def test_a_message_that_does_not_format_becomes_a_row_that_shows_both(logger, capsys):
    """logging would print a traceback and lose the record."""
    handler, sender = attach(logger)
    logger.info("%d items", "x")
    assert handler.flush(10)

    assert sender.rows[0]["Message"].startswith("%d items [not formatted: TypeError")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_keyboard_interrupt_and_an_exit_pass(logger, error):
    """They are meant for the application, not for us."""

    class Interrupts:
        def __str__(self):
            raise error

    attach(logger)
    with pytest.raises(error):
        logger.info(Interrupts())


def test_a_disabled_handler_does_nothing_and_needs_nothing(logger, monkeypatch):
    """For local development: no endpoint, no thread, no row."""
    monkeypatch.delenv("DATA_COLLECTION_ENDPOINT", raising=False)
    handler = LogsIngestionHandler(enabled=False)
    logger.addHandler(handler)
    logger.info("nowhere")

    assert handler.flush()
    assert handler.stats().accepted == 0


def test_a_handler_without_an_endpoint_says_which_settings_are_missing(monkeypatch):
    """The message names the three settings and their variables."""
    for name in ("DATA_COLLECTION_ENDPOINT", "LOGS_DCR_RULE_ID", "LOGS_DCR_STREAM_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as caught:
        LogsIngestionHandler()

    for name in ("DATA_COLLECTION_ENDPOINT", "LOGS_DCR_RULE_ID", "LOGS_DCR_STREAM_NAME"):
        assert name in str(caught.value)


def test_dict_config_takes_every_option_and_resolves_external_objects(logger):
    """ext:// works at the top level and inside the mapping of columns and credential."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "azure": {
                    "class": "dcrlog.LogsIngestionHandler",
                    "endpoint": "https://x.westeurope-1.ingest.monitor.azure.com",
                    "rule_id": "dcr-" + "0" * 32,
                    "columns": {"Tenant": "tenant_id", "Amount": {"field": "amount", "type": "real"}},
                    "credential": {"()": "dcrlog.testing.RecordingSender"},
                    "level": "INFO",
                    "redact": {"keys": ["pin"]},
                    "capacity": 4 * 1024 * 1024,
                    "on_full": "drop_oldest",
                }
            },
            "loggers": {"dcrlog-test.handler": {"handlers": ["azure"]}},
        }
    )

    (handler,) = logger.handlers
    assert isinstance(handler, LogsIngestionHandler)
    assert handler.level == logging.INFO


def test_a_row_that_cannot_be_redacted_arrives_without_its_secrets(logger):
    """A redactor that raises must not leak what it was to take out."""
    handler, sender = attach(logger, redact=lambda row: 1 / 0)
    logger.info("the secret is hunter2", extra={"password": "hunter2"})
    assert handler.flush(10)

    (row,) = sender.rows
    assert "hunter2" not in str(row)
    assert row["Level"] == "INFO"


def test_every_public_name_is_there():
    """`from dcrlog import *` works, `dir` knows them all, and another name is an AttributeError."""
    for name in dcrlog.__all__:
        assert getattr(dcrlog, name) is not None
    assert set(dcrlog.__all__) <= set(dir(dcrlog))
    with pytest.raises(AttributeError, match="no attribute 'Handler'"):
        _ = dcrlog.Handler
