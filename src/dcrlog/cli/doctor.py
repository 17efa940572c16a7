"""`dcrlog doctor`: the way of a row from the settings to the service, step by step, in words."""

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dcrlog import settings
from dcrlog._environment import read_options
from dcrlog.cli.doctoring.configured import check_settings
from dcrlog.cli.doctoring.finding import Finding, State, secrets_of
from dcrlog.cli.doctoring.identity import check_identity
from dcrlog.cli.doctoring.network import check_network
from dcrlog.cli.doctoring.options import Options, read_dict_config, read_django
from dcrlog.cli.doctoring.probe import send_probe
from dcrlog.cli.doctoring.spool import check_spool
from dcrlog.cli.options import AsJson, Audience, Credential, Endpoint, RuleFile, RuleId, Stream
from dcrlog.cli.output import print_json, say
from dcrlog.errors import ConfigError
from dcrlog.rules import Rule

_PACKAGES: Final = (
    "dcrlog", "azure-core", "azure-identity", "azure-monitor-ingestion", "msgspec", "opentelemetry-sdk",
)  # fmt: skip

_WAY: Final = ("dns", "tls", "clock", "credential", "token", "probe")
"""The steps that ask somebody."""


@dataclass
class Report:
    """What the doctor found.

    Attributes:
        findings: The steps, in the order of the way.
        query: The KQL that looks for the probe; None where none was taken.
    """

    findings: list[Finding]
    query: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether no step failed."""
        return all(finding.state is not State.FAIL for finding in self.findings)


def doctor(
    *,
    endpoint: Endpoint = None,
    rule_id: RuleId = None,
    stream_name: Stream = None,
    rule: RuleFile = None,
    audience: Audience = None,
    credential: Credential = None,
    columns: Annotated[str | None, typer.Option(help="The name of a preset, or columns= as JSON.")] = None,
    spool_dir: Annotated[Path | None, typer.Option(help="The directory of the spool.")] = None,
    django: Annotated[
        str | None, typer.Option(metavar="MODULE", help="Read the handler of LOGGING in these settings.")
    ] = None,
    dict_config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read it from this dictConfig: JSON, or package.module:NAME."),
    ] = None,
    handler: Annotated[str | None, typer.Option(help="Its name there, where there are several.")] = None,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Send one row.")] = True,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: settings and spool only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Walk the way of a row and say what is wrong; status 1 if a step fails. No secret is shown."""
    flags = {
        name: value for name, value in locals().items() if name in settings.OPTIONS and value is not None
    }
    if columns is not None:
        with suppress(ConfigError):
            flags |= read_options({"DCRLOG_COLUMNS": columns})
    try:
        if django is not None and dict_config is not None:
            raise ConfigError("give --django or --dict-config, not both.")
        found = Options({}, "environment" if not flags else "options and environment")
        if django is not None:
            found = read_django(django, handler)
        elif dict_config is not None:
            found = read_dict_config(dict_config, handler)
    except ConfigError as error:
        report = Report([Finding("settings", State.FAIL, str(error))])
        given: dict[str, Any] = flags
    else:
        given = found.given | flags
        report = examine(given, found.origin, asks=not offline, sends=probe)
        report.findings[1:1] = found.findings
    secrets = secrets_of(_with_environment(given))
    report.findings = [finding.without(secrets) for finding in report.findings]
    if as_json:
        told = [{**asdict(finding), "state": finding.state.lower()} for finding in report.findings]
        print_json({"well": report.is_well, "findings": told, "query": report.query})
    else:
        _say(report)
    raise typer.Exit(0 if report.is_well else 1)


def examine(
    given: Mapping[str, Any],
    origin: str,
    *,
    asks: bool = True,
    sends: bool = True,
    now: Callable[[], float] = time.time,
) -> Report:
    """Walk the way.

    Args:
        given: The handler's arguments; the environment is behind them.
        origin: Where they are from, in words.
        asks: Whether anything leaves this machine.
        sends: Whether the probe is sent.
        now: This machine's clock, in seconds since the epoch.
    """
    report = Report([_versions()])
    checked, findings = check_settings(given, origin)
    report.findings += findings
    if checked is None or checked.endpoint is None:
        report.findings += [Finding(step, State.SKIP, "the settings come first") for step in (*_WAY, "spool")]
        return report
    if asks:
        _walk(report, given, checked, sends=sends, now=now)
    else:
        report.findings += [Finding(step, State.SKIP, "nobody was asked (--offline)") for step in _WAY]
    report.findings += check_spool(checked)
    return report


def _walk(
    report: Report,
    given: Mapping[str, Any],
    checked: settings.Settings,
    *,
    sends: bool,
    now: Callable[[], float],
) -> None:
    assert checked.endpoint is not None
    report.findings += check_network(checked.endpoint, now)
    identity = check_identity(checked.credential, checked.endpoint, now())
    report.findings += identity.findings
    if not sends:
        report.findings.append(Finding("probe", State.SKIP, "no row was sent (--no-probe)"))
    elif identity.token is None or any(
        each.step in {"dns", "tls"} and each.state is State.FAIL for each in report.findings
    ):
        report.findings.append(Finding("probe", State.SKIP, "a step before has failed"))
    else:
        probed = send_probe(checked, identity.claims)
        report.findings.append(probed.finding)
        if probed.answer.status == 204:
            report.query = _query(given, checked, probed.mark)


def _versions() -> Finding:
    found = [f"Python {platform.python_version()} on {platform.system()}"]
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return Finding("versions", State.OK, ", ".join(found))


def _query(given: Mapping[str, Any], checked: settings.Settings, mark: str) -> str:
    column = next((each.name for each in checked.columns if "message" in each.fields), None)
    where = f'{column} has "{mark}"' if column else f'* has "{mark}"'
    return f"{_table(given, checked)}\n| where TimeGenerated > ago(1h) and {where}"


def _with_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return read_options(os.environ) | dict(given)
    except ConfigError:
        # The step of the settings has told it.
        return dict(given)


def _table(given: Mapping[str, Any], checked: settings.Settings) -> str:
    """Return the table that the rule fills, or what it is called if nobody has been inventive."""
    behind = _with_environment(given)
    with suppress(ConfigError):
        if isinstance(behind.get("columns"), str):
            from dcrlog._presets import find_preset

            return find_preset(behind["columns"]).table
        rule = settings.read_rule(behind.get("rule"))
        if isinstance(rule, Rule):
            return next(flow.table for flow in rule.flows if checked.stream_name in flow.streams)
    return checked.stream_name.partition("-")[2].removesuffix("_CL") + "_CL"


def _say(report: Report) -> None:
    for finding in report.findings:
        say(f"{finding.state:<5} {finding.step:<11} {finding.text}")
        if finding.remedy:
            say(f"{'':<17} -> {finding.remedy}")
    if report.query is not None:
        say("")
        say("The row is in the table within a minute or two, up to 15 for the first rows of a table:")
        for line in report.query.splitlines():
            say(f"  {line}")
        say("If it does not come, the rule drops it: see the table DCRLogErrors, and the rule's metrics.")
    failed = sum(finding.state is State.FAIL for finding in report.findings)
    sys.stdout.flush()
    if failed:
        say(f"{failed} of the steps {'has' if failed == 1 else 'have'} failed.")
