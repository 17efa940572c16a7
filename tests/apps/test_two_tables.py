"""Two handlers in one process, and logging configured twice: each record arrives once, where it belongs."""

import logging
import logging.config
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dcrlog import ConfigWarning, LogsIngestionHandler
from dcrlog.emulator import Emulator

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_tables"


def test_an_application_log_and_an_audit_trail_go_to_two_tables(tmp_path):
    """Each with its own columns, level and spool; what the audit trail logs stays out of the other one."""
    with Emulator(EXAMPLE / "rule.json") as emulator:
        environment = {**os.environ, **emulator.environment(), "SPOOL": str(tmp_path)}
        del environment["LOGS_DCR_STREAM_NAME"]
        done = subprocess.run(
            [sys.executable, EXAMPLE / "main.py"],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        (application,) = emulator.rows("AppLogs_CL")
        *audited, closing = emulator.rows("Audit_CL")

    assert (done.returncode, done.stderr) == (0, "")
    assert application["Message"] == "order A-17 paid with [redacted]"
    assert [(row["Action"], row["Actor"], row["Details"], row["Seq"]) for row in audited] == [
        ("order.read", "ann", {"order": "A-17"}, 1),
        ("order.refund", "bob", {"order": "A-17", "amount": 12.5}, 2),
    ]
    assert closing["Details"]["dcrlog"]["last_seq"] == closing["Seq"] == 3
    assert application["InstanceId"] != audited[0]["InstanceId"]
    assert {path.name for path in tmp_path.iterdir()} == {"application", "audit"}


def test_the_documentation_shows_this_configuration():
    """To the letter."""
    page = (EXAMPLE.parents[1] / "docs" / "handler.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(LOGGING = .*?)```", page, re.DOTALL)

    assert shown in (EXAMPLE / "main.py").read_text(encoding="utf-8")


@pytest.fixture
def root(emulator, monkeypatch):
    """The root logger and the emulator's environment; its handlers are taken off in the end."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    found = logging.getLogger()
    before = found.handlers[:], found.level
    yield found
    for handler in found.handlers[:]:
        handler.close()
    found.handlers[:], found.level = before


CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"azure": {"class": "dcrlog.LogsIngestionHandler", "flush_interval": 0.05}},
    "root": {"level": "WARNING", "handlers": ["azure"]},
}


@pytest.mark.parametrize("kind", ["dictConfig", "basicConfig"])
def test_logging_that_is_configured_twice_delivers_each_record_once(emulator, root, kind):
    """While the handler that was replaced lives on; and nobody is warned."""
    kept = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(2):
            if kind == "dictConfig":
                logging.config.dictConfig(CONFIG)
            else:
                logging.basicConfig(handlers=[LogsIngestionHandler()], format="%(message)s", force=True)
            kept += root.handlers
            logging.getLogger("twice").warning("record %d", number)
        assert all(handler.flush(10) for handler in kept)

    assert len(kept) == 2
    assert sorted(row["Message"] for row in emulator.rows("AppLogs_CL")) == ["record 0", "record 1"]


def test_a_second_handler_for_the_same_table_is_warned_of_once_when_it_logs(emulator, root):
    """It was added by hand, beside the one that dictConfig made; each record arrives twice."""
    logging.config.dictConfig(CONFIG)
    log = logging.getLogger("by.hand")
    log.addHandler(LogsIngestionHandler(flush_interval=0.05))
    with pytest.warns(ConfigWarning, match="the logger 'by.hand' delivers each record 2 times"):
        log.warning("one")
    log.warning("two, and no further warning, which would be an error here")

    assert all(handler.flush(10) for handler in (*log.handlers, *root.handlers))
    assert emulator.count("AppLogs_CL") == 4
    log.handlers.pop().close()
