"""Records of python-json-logger, structlog and loguru: fields in columns, and nothing changed for others."""

import copy
import datetime as dt
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import loguru
import pytest
import structlog
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from dcrlog import LogsIngestionHandler
from dcrlog._mapping import default_stream
from dcrlog.emulator import Emulator
from dcrlog.testing import RecordingSender

COLUMNS = {"Tenant": "tenant_id", "Amount": {"field": "amount", "type": "real"}}


@pytest.fixture
def log():
    """A logger with a handler of ours and one that keeps the records themselves."""
    logger = logging.getLogger("loggers")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.seen = []
    other = logging.Handler()
    other.emit = logger.seen.append
    logger.addHandler(other)
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers.clear()


def add(logger, formatter=None, **settings):
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, **{"columns": COLUMNS} | settings)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return handler, sender


def rows_of(made):
    handler, sender = made
    assert handler.flush(10)
    return sender.rows


class Hooked(JsonFormatter):
    """Adds, changes and takes out."""

    def add_fields(self, log_data, record, message_dict):
        super().add_fields(log_data, record, message_dict)
        log_data["tenant_id"] = record.name + "!"

    def process_log_record(self, log_data):
        log_data.pop("card", None)
        log_data["message"] = log_data["message"].replace("hunter2", "***")
        return super().process_log_record(log_data)


def test_a_json_formatter_supplies_the_fields(log):
    """Statics, defaults, renames and extras, with their types, in columns; the rest in the dynamic one."""
    formatter = JsonFormatter(
        "%(levelname)s %(message)s %(module)s",
        rename_fields={"tenant_id": "tenant", "levelname": "severity", "user": "who"},
        static_fields={"app": "shop"}, defaults={"region": "eu", "amount": 1.0},
    )  # fmt: skip
    made = add(log, formatter)
    log.info(
        "paid %d",
        3,
        extra={"tenant_id": "contoso", "amount": 12.5, "user": "bob", "when": dt.date(2026, 1, 2)},
    )
    (row,) = rows_of(made)

    assert (row["Message"], row["Level"], row["Tenant"], row["Amount"]) == ("paid 3", "INFO", "contoso", 12.5)
    assert row["Properties"] == {
        "app": "shop", "region": "eu", "who": "bob", "when": "2026-01-02", "module": "test_loggers",
    }  # fmt: skip


def test_a_field_that_has_a_columns_name_fills_that_column(log):
    """Unless `columns=` maps the column to another field."""
    formatter = JsonFormatter(
        "%(message)s %(levelname)s %(exc_info)s", rename_fields={"message": "Message", "levelname": "Level"},
        static_fields={"Host": "web-1", "Tenant": "static", "TraceId": "t"}, timestamp="TimeGenerated",
    )  # fmt: skip
    made = add(log, formatter)
    log.info("hello", extra={"tenant_id": "contoso"})
    (row,) = rows_of(made)

    assert (row["Message"], row["Level"], row["Host"], row["TraceId"]) == ("hello", "INFO", "web-1", "t")
    assert (row["Tenant"], row["Properties"]) == ("contoso", {"Tenant": "static"})
    created = dt.datetime.fromtimestamp(log.seen[0].created, dt.UTC)
    assert dt.datetime.fromisoformat(row["TimeGenerated"]) == created


def test_hooks_of_a_subclass_have_the_last_word(log):
    """What they take out reaches no column, and the record itself is not asked behind their back."""
    made = add(log, Hooked(), columns={**COLUMNS, "Card": "card"})
    log.info("the password is hunter2", extra={"tenant_id": "x", "card": "4111"})
    (row,) = rows_of(made)

    assert (row["Message"], row["Tenant"]) == ("the password is ***", "loggers!")
    assert "4111" not in json.dumps(row)


def test_the_shared_formatter_and_the_record_stay_as_they_were(log):
    """Another handler with the very same formatter writes what it always wrote."""
    formatter = Hooked("%(asctime)s %(message)s", static_fields={"app": "shop"})
    before = dict(formatter.__dict__)
    alone = logging.StreamHandler()
    alone.setFormatter(formatter)
    made = add(log, formatter)
    try:
        raise LookupError("gone")
    except LookupError:
        log.exception("failed", extra={"tenant_id": "x"})
    (record,) = log.seen
    untouched = set(logging.makeLogRecord({}).__dict__) | {"tenant_id"}
    line = json.loads(alone.format(copy.copy(record)))
    (row,) = rows_of(made)

    assert formatter.__dict__ == before
    assert set(record.__dict__) == untouched
    assert record.exc_text is None
    assert "LookupError" in line["exc_info"]
    assert row["Exception"].startswith("Traceback")
    assert row["Exception"].endswith("LookupError: gone")
    assert "exc_info" not in row["Properties"]


def test_the_traceback_is_left_to_the_formatter_where_no_column_takes_it(log):
    """Under the name that it gives."""
    made = add(log, JsonFormatter(rename_fields={"exc_info": "error"}), columns={"Exception": None})
    try:
        raise LookupError("gone")
    except LookupError:
        log.exception("failed")
    (row,) = rows_of(made)

    assert row["Properties"]["error"].endswith("LookupError: gone")


def test_a_dict_as_message_is_fields(log):
    """As python-json-logger has it."""
    made = add(log, JsonFormatter())
    log.info({"message": "paid", "amount": 3.5, "items": [1, 2]})
    (row,) = rows_of(made)

    assert (row["Message"], row["Amount"], row["Properties"]) == ("paid", 3.5, {"items": [1, 2]})


def test_a_value_that_does_not_fit_is_kept_under_the_fields_name(log):
    """As without a formatter."""
    made = add(log, JsonFormatter())
    log.info("m", extra={"amount": "much"})
    (row,) = rows_of(made)

    assert row["Properties"] == {"amount": "much"}
    assert made[0].stats().misfits == 1


class Broken(JsonFormatter):
    def process_log_record(self, log_data):
        raise LookupError


class Whole(JsonFormatter):
    def format(self, record):
        return json.dumps({"message": record.getMessage(), "amount": 2.5})


class Line(JsonFormatter):
    def format(self, record):
        return "line: " + record.getMessage()


@pytest.mark.parametrize(
    ("formatter", "message", "amount"),
    [
        (Broken(), "m [not formatted: LookupError in the formatter]", 1.5),
        (Whole(), "m", 2.5), (Line(), "line: m", 1.5),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_formatter_that_fails_or_writes_text_itself_loses_no_field(log, formatter, message, amount):
    """JSON is read back; other text is the message, and the fields are the record's."""
    made = add(log, formatter)
    log.info("m", extra={"amount": 1.5})
    (row,) = rows_of(made)

    assert (row["Message"], row["Amount"]) == (message, amount)


def test_redaction_reaches_what_a_formatter_supplies(log):
    """Keys and patterns alike."""
    made = add(log, JsonFormatter(static_fields={"api_key": "k-1"}), redact=True)
    log.info("sent Authorization: Bearer %s", "abcdefghijklmnop")
    (row,) = rows_of(made)

    assert (row["Message"], row["Properties"]["api_key"]) == ("sent Authorization: [redacted]", "[redacted]")


def test_formatting_in_many_threads_mixes_nothing(log):
    """One copy of the formatter serves them all."""
    made = add(log, JsonFormatter("%(message)s", static_fields={"app": "shop"}))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.info("m%d", n, extra={"tenant_id": str(n)}), range(400)))

    assert {(row["Message"], row["Tenant"]) for row in rows_of(made)} == {
        (f"m{n}", str(n)) for n in range(400)
    }


def test_a_formatter_set_later_takes_over_and_none_gives_back(log):
    """The builder is compiled anew."""
    made = handler, _ = add(log, JsonFormatter(static_fields={"app": "shop"}))
    log.info("one")
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    log.info("two")
    handler.setFormatter(None)
    log.info("three")

    assert [(row["Message"], row.get("Properties")) for row in rows_of(made)] == [
        ("one", {"app": "shop"}), ("<two>", None), ("three", None),
    ]  # fmt: skip


def test_every_attribute_of_logging_can_be_asked_for(log):
    """With or without a column of its own; what has none goes into the dynamic one."""
    names = set(RESERVED_ATTRS) - {"exc_info", "stack_info", "exc_text", "args", "taskName"}
    made = add(log, JsonFormatter(" ".join(f"%({name})s" for name in sorted(names))))
    log.info("m")
    (row,) = rows_of(made)
    (record,) = log.seen
    without_column = {
        "filename", "levelno", "module", "msecs", "msg", "pathname", "processName", "relativeCreated",
        "thread",
    }  # fmt: skip

    assert row["Properties"] == {name: getattr(record, name) for name in without_column}
    assert (row["Line"], row["Process"]) == (record.lineno, record.process)


@pytest.fixture
def configured():
    """Configure structlog over logging, with the processor given at the end."""

    def configure(last):
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars, structlog.processors.StackInfoRenderer(), last,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=False,
        )  # fmt: skip
        return structlog.get_logger("loggers")

    yield configure
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


WAYS = [structlog.stdlib.ProcessorFormatter.wrap_for_formatter, structlog.stdlib.render_to_log_kwargs]


@pytest.mark.parametrize("last", WAYS)
@pytest.mark.parametrize(
    "settings", [{}, {"redact": True}, {"columns": COLUMNS | {"Message": {"type": "string"}}}]
)
def test_structlog_events_arrive_with_their_fields(log, configured, last, settings):
    """Typed, with what is bound, and with the exception in its column."""
    slog = configured(last).bind(tenant_id="contoso")
    made = add(log, **settings)
    structlog.contextvars.bind_contextvars(basket="b-1")
    slog.info("paid", amount=12.5, items=[{"sku": "X"}])
    try:
        raise LookupError("gone")
    except LookupError:
        slog.exception("failed", amount=1)
    paid, failed = rows_of(made)

    assert (paid["Message"], paid["Level"], paid["Tenant"], paid["Amount"]) == (
        "paid",
        "INFO",
        "contoso",
        12.5,
    )
    assert paid["Properties"] == {"basket": "b-1", "items": [{"sku": "X"}]}
    assert (failed["Message"], failed["Level"]) == ("failed", "ERROR")
    assert failed["Exception"].endswith("LookupError: gone")
    assert failed["Properties"] == {"basket": "b-1"}


def test_the_other_handlers_see_structlogs_record_untouched(log, configured):
    """ProcessorFormatter needs its event, its logger and its name."""
    slog = configured(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    console = structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer())
    made = add(log)
    slog.info("paid", amount=12.5, stack_info=True)
    (record,) = log.seen
    (row,) = rows_of(made)

    assert record.msg == {"event": "paid", "amount": 12.5, "stack": record.msg["stack"]}
    assert json.loads(console.format(record))["amount"] == 12.5
    assert row["Exception"].startswith("Stack (most recent call last)")


def test_a_processor_formatter_on_the_handler_supplies_the_message(log, configured):
    """The fields are in their columns all the same."""
    slog = configured(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    made = add(log, structlog.stdlib.ProcessorFormatter(processor=structlog.processors.KeyValueRenderer()))
    slog.info("paid", amount=12.5)
    (row,) = rows_of(made)

    assert row["Amount"] == 12.5
    assert "paid" in row["Message"]


def test_a_json_formatter_gets_structlogs_fields_as_extras(log, configured):
    """And may rename them."""
    slog = configured(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    made = add(log, JsonFormatter(static_fields={"app": "shop"}, rename_fields={"user": "who"}))
    slog.info("paid", amount=12.5, user=7)
    (row,) = rows_of(made)

    assert (row["Message"], row["Amount"], row["Properties"]) == ("paid", 12.5, {"app": "shop", "who": 7})


@pytest.fixture
def logu():
    """loguru's logger, without its own sink."""
    loguru.logger.remove()
    yield loguru.logger
    loguru.logger.remove()


@pytest.mark.parametrize("settings", [{}, {"redact": True}, {"columns": COLUMNS | {"Properties": None}}])
def test_loguru_records_arrive_with_their_fields(log, logu, settings):
    """Typed, with what is bound; the traceback in its column and not behind the message."""
    made = handler, _ = add(log, **settings)
    logu.add(handler, format="{message}")
    bound = logu.bind(tenant_id="contoso")
    bound.info("paid {amount}", amount=12.5, items=[1])
    try:
        raise LookupError("gone")
    except LookupError:
        bound.exception("failed")
    logu.success("done", name="taken")
    paid, failed, done = rows_of(made)

    assert (paid["Message"], paid["Level"], paid["Tenant"], paid["Amount"]) == (
        "paid 12.5",
        "INFO",
        "contoso",
        12.5,
    )
    assert paid.get("Properties") == (None if "columns" in settings else {"items": [1]})
    assert paid["Function"] == "test_loguru_records_arrive_with_their_fields"
    assert (failed["Message"], failed["Level"]) == ("failed", "ERROR")
    assert failed["Exception"].endswith("LookupError: gone")
    assert (done["Message"], done["Level"]) == ("done", "SUCCESS")
    if "columns" not in settings:
        assert done["Properties"] == {"extra.name": "taken"}


def test_loguru_records_propagated_to_logging_arrive_with_their_fields(log, logu):
    """By the handler of loguru's documentation."""

    class Propagate(logging.Handler):
        def emit(self, record):
            log.handle(record)

    made = add(log)
    logu.add(Propagate(), format="{message}")
    logu.info("paid", amount=12.5)
    (row,) = rows_of(made)

    assert (row["Message"], row["Amount"]) == ("paid", 12.5)
    assert log.seen[0].extra == {"amount": 12.5}


def test_a_column_can_take_logurus_extra_as_a_whole(log, logu):
    """Then it is not taken apart."""
    made = handler, _ = add(log, columns=COLUMNS | {"Extra": {"field": "extra", "type": "dynamic"}})
    logu.add(handler, format="{message}")
    logu.info("paid", amount=12.5)
    (row,) = rows_of(made)

    assert row["Extra"] == {"amount": 12.5}
    assert "Amount" not in row


def test_none_of_the_three_is_imported_by_a_record():
    """Whatever is not in use costs nothing."""
    program = (
        "import logging, sys, dcrlog, dcrlog.testing\n"
        "h = dcrlog.LogsIngestionHandler(sender=dcrlog.testing.RecordingSender())\n"
        "h.setFormatter(logging.Formatter('%(message)s'))\n"
        "logging.getLogger().addHandler(h)\n"
        "logging.warning({'event': 'm'}, extra={'extra': {'a': 1}})\n"
        "assert h.flush(10)\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(names & {'pythonjsonlogger', 'structlog', 'loguru', 'django', 'flask', 'celery'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "set()\n"


EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name):
    """Run an example, told of an emulator that takes its columns; return the rows and what it wrote."""
    stream = default_stream()
    columns = [{"name": column.name, "type": column.type.value} for column in stream]
    for added, kind in (("Service", "string"), ("Tenant", "string"), ("Amount", "real")):
        columns.append({"name": added, "type": kind})
    rule = {
        "streamDeclarations": {stream.name: {"columns": columns}},
        "dataFlows": [{"streams": [stream.name], "outputStream": "Custom-AppLogs_CL"}],
    }
    with Emulator(rule) as emulator:
        done = subprocess.run(
            [sys.executable, EXAMPLES / name],
            env=os.environ | emulator.environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return sorted(emulator.rows("AppLogs_CL"), key=lambda row: row["Seq"]), done.stderr


def test_the_example_of_a_json_formatter_fills_columns_and_console():
    """One formatter serves both."""
    (paid, shipped), written = run_example("json_formatter.py")

    assert (paid["Message"], paid["Service"], paid["Amount"]) == ("order A-17 paid", "shop", 12.5)
    assert paid["Properties"] == {"user": 7}
    assert (shipped["Message"], shipped["Properties"]) == ("order shipped", {"parcels": [1, 2]})
    on_console = [json.loads(line) for line in written.splitlines() if "order" in line]
    assert [line["service"] for line in on_console] == ["shop", "shop"]
    assert on_console[0]["user"] == 7


def test_the_example_of_structlog_fills_columns_and_console():
    """The console's renderer sees the event as it was."""
    (paid, lost), written = run_example("structlog_events.py")

    assert (paid["Message"], paid["Tenant"], paid["Amount"], paid["Properties"]) == (
        "order paid", "contoso", 12.5, {"order": "A-17"},
    )  # fmt: skip
    assert (lost["Level"], lost["Message"], lost["Properties"]) == ("ERROR", "order lost", {"order": "A-18"})
    assert lost["Exception"].endswith("LookupError: no such parcel")
    assert '"order": "A-17"' in written


def test_the_example_of_loguru_fills_columns():
    """Its own sink on stderr goes on."""
    (paid, lost), written = run_example("loguru_sink.py")

    assert (paid["Message"], paid["Level"], paid["Tenant"], paid["Amount"]) == (
        "order A-17 paid", "SUCCESS", "contoso", 12.5,
    )  # fmt: skip
    assert (lost["Message"], lost["Properties"]) == ("order A-18 lost", {"order": "A-18"})
    assert lost["Exception"].endswith("LookupError: no such parcel")
    assert "order A-17 paid" in written
