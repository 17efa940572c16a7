"""Presets for Azure tables, from a record to a row in the emulator."""

import json
import logging
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dcrlog import LogsIngestionHandler, Rule
from dcrlog._fields import HOST
from dcrlog._presets import PRESETS
from dcrlog.cli import make_app
from dcrlog.emulator import Emulator
from pipelines import make_logger

TIME = "TimeGenerated"
PROGRAM = Path(sys.argv[0]).name
PROGRAM = Path(sys.argv[0]).parent.name if PROGRAM == "__main__.py" else PROGRAM


@pytest.fixture
def row_of():
    """Log with a preset into a rule that dcrlog provision has made; return the row of the Azure table."""

    def run(preset, log):
        done = CliRunner().invoke(make_app(), ["provision", "--preset", preset])
        template = json.loads(done.stdout)
        (flow,) = Rule.parse(template).flows
        logger = make_logger(f"presets.{preset}")
        with Emulator(template) as emulator, pytest.MonkeyPatch.context() as patch:
            for name, value in emulator.environment().items():
                if name != "LOGS_DCR_STREAM_NAME":
                    patch.setenv(name, value)
            handler = LogsIngestionHandler(columns=preset)
            logger.addHandler(handler)
            try:
                log(logger)
                assert handler.flush(30)
                assert handler.stats().misfits == 0
            finally:
                logger.removeHandler(handler)
                handler.close()
            (row,) = emulator.rows(flow.table)
        # KQL has no null text.
        return {name: value for name, value in row.items() if value not in (None, "") and name != TIME}

    return run


def test_a_warning_in_syslog(row_of):
    """As a daemon would have written it."""
    row = row_of("syslog", lambda log: log.warning("disk %s is full", "sda1", extra={"facility": "daemon"}))

    assert row.pop("EventTime")
    assert row == {
        "Computer": HOST, "HostName": HOST, "Facility": "daemon", "SeverityLevel": "warning",
        "ProcessName": PROGRAM, "ProcessID": os.getpid(), "SyslogMessage": "disk sda1 is full",
    }  # fmt: skip


def test_what_syslog_has_no_place_for_stands_in_its_message(row_of):
    """Extras as JSON, and the traceback; the facility is `user` where nobody says another."""

    def log(logger):
        try:
            raise ValueError("no such item")
        except ValueError:
            logger.exception("order failed", extra={"order": 17})

    row = row_of("syslog", log)

    assert (row["Facility"], row["SeverityLevel"]) == ("user", "err")
    first, *_, last = row["SyslogMessage"].splitlines()
    assert (first, last) == ('order failed {"order":17}', "ValueError: no such item")


def test_a_denied_connection_in_common_security_log(row_of):
    """A firewall's fields under their column's name, in snake_case, and as CEF abbreviates them."""
    extra = {
        "device_vendor": "Contoso", "device_product": "Edge", "device_version": "4.2",
        "device_event_class_id": "fw-100", "activity": "connection denied", "act": "deny",
        "src": "10.0.0.5", "spt": 51_515, "destination_ip": "93.184.216.34", "DestinationPort": 443,
        "proto": "TCP", "device_custom_string1": "rule-7", "device_custom_string1_label": "rule",
        "sent_bytes": 5_000_000_000, "zone": "dmz",
    }  # fmt: skip
    row = row_of("commonsecuritylog", lambda log: log.error("denied by policy", extra=extra))

    assert row == {
        "Computer": HOST, "LogSeverity": "8", "Message": "denied by policy", "ProcessName": PROGRAM,
        "ProcessID": os.getpid(), "DeviceVendor": "Contoso", "DeviceProduct": "Edge", "DeviceVersion": "4.2",
        "DeviceEventClassID": "fw-100", "Activity": "connection denied", "DeviceAction": "deny",
        "SourceIP": "10.0.0.5", "SourcePort": 51_515, "DestinationIP": "93.184.216.34",
        "DestinationPort": 443, "Protocol": "TCP", "DeviceCustomString1": "rule-7",
        "DeviceCustomString1Label": "rule", "SentBytes": 5_000_000_000,
        "AdditionalExtensions": '{"zone":"dmz"}',
    }  # fmt: skip


def test_a_failed_logon_in_security_event(row_of):
    """Event 4625, with the names of its XML."""
    extra = {
        "event_id": 4625, "channel": "Security", "target_user_name": "alice", "target_domain_name": "CONTOSO",
        "ip_address": "10.0.0.9", "LogonType": 3, "workstation_name": "WS1", "Status": "0xC000006D",
        "attempt": 5,
    }  # fmt: skip
    row = row_of("securityevent", lambda log: log.warning("An account failed to log on", extra=extra))

    assert row == {
        "Computer": HOST, "Activity": "An account failed to log on", "Level": "3",
        "EventSourceName": "dcrlog-test.presets.securityevent", "EventLevelName": "Warning",
        "Process": PROGRAM, "SystemProcessId": os.getpid(), "EventID": 4625, "Channel": "Security",
        "TargetUserName": "alice", "TargetDomainName": "CONTOSO", "IpAddress": "10.0.0.9", "LogonType": 3,
        "WorkstationName": "WS1", "Status": "0xC000006D", "EventData": '{"attempt":5}',
    }  # fmt: skip


def test_a_service_that_stopped_in_windows_event(row_of):
    """The message is its raw data, what else there is its event data."""
    extra = {"event_id": 7036, "channel": "System", "param1": "Print Spooler", "param2": "stopped"}
    row = row_of("windowsevent", lambda log: log.info("The %s service stopped", "Spooler", extra=extra))

    assert row == {
        "Computer": HOST, "Provider": "dcrlog-test.presets.windowsevent", "EventLevel": 4,
        "EventLevelName": "Information", "SystemProcessId": os.getpid(), "EventID": 7036, "Channel": "System",
        "EventData": {"param1": "Print Spooler", "param2": "stopped"},
        "RawEventData": "The Spooler service stopped",
    }  # fmt: skip


def test_a_record_in_otel_logs(row_of):
    """As the table's own exporters fill it."""
    extra = {"trace_id": "5b8efff798038103d269b633813fc60c", "span_id": "eee19b7ec3c1b174", "amount": 12.5}
    row = row_of("otellogs", lambda log: log.log(logging.CRITICAL, "payment lost", extra=extra))

    assert len(row.pop("ServiceInstanceId")) == 24
    assert row == {
        "Body": "payment lost", "SeverityText": "CRITICAL", "SeverityNumber": 21,
        "ScopeName": "dcrlog-test.presets.otellogs", "TraceId": "5b8efff798038103d269b633813fc60c",
        "SpanId": "eee19b7ec3c1b174", "ServiceName": PROGRAM, "Attributes": {"amount": 12.5},
    }  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_a_traceback_stands_behind_the_message_of_each_table(row_of, preset):
    """None of them has a column for it."""

    def log(logger):
        try:
            raise ValueError("no such item")
        except ValueError:
            logger.exception("order failed")

    row = row_of(preset, log)

    (told,) = [value for value in row.values() if str(value).startswith("order failed")]
    assert told.splitlines()[1] == "Traceback (most recent call last):"
    assert "Exception" not in row
