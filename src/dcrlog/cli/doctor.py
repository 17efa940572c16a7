"""`dcrlog doctor`: the way of a row from the settings to the service, step by step, in words."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass
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
from dcrlog.cli.doctoring.query import query_for
from dcrlog.cli.doctoring.spool import check_spool
from dcrlog.cli.doctoring.versions import check_versions
from dcrlog.cli.options import AsJson, Audience, Credential, Endpoint, RuleFile, RuleId, Stream
from dcrlog.cli.output import print_json, say
from dcrlog.errors import ConfigError

_WAY: Final = ("dns", "tls", "clock", "credential", "token", "probe")
"""The steps that ask somebody."""
_TIMEOUT: Final = 40.0
"""Seconds for each that a step asks."""


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

    def has_failed(self, *steps: str) -> bool:
        """Whether one of these steps did."""
        return any(each.step in steps and each.state is State.FAIL for each in self.findings)

    def leave_out(self, steps: tuple[str, ...], why: str) -> None:
        """Say why the steps of which nothing was said could not be looked at."""
        told = {finding.step for finding in self.findings}
        self.findings += [Finding(step, State.SKIP, why) for step in steps if step not in told]


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
        typer.Option(
            metavar="FILE", help="Read the handler of this dictConfig: JSON, YAML or package.module:NAME."
        ),
    ] = None,
    handler: Annotated[str | None, typer.Option(help="The handler's name, where there are several.")] = None,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Send one row.")] = True,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: settings and spool only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Walk the way of a row and say what is wrong; status 1 if a step fails. No secret is shown."""
    flags = {
        name: value for name, value in locals().items() if name in settings.OPTIONS and value is not None
    }
    given: dict[str, Any] = dict(flags)
    with _apart():
        try:
            if columns is not None:
                flags["columns"] = _read_columns(columns)
            found = _read(django, dict_config, handler, flags)
        except ConfigError as error:
            report = Report([*check_versions(), Finding("settings", State.FAIL, str(error))])
            report.leave_out((*_WAY, "spool"), "the settings come first")
        else:
            given = found.given | flags
            report = examine(given, found.origin, around=found, asks=not offline, sends=probe)
        secrets = secrets_of(_with_environment(given))
    report.findings = [finding.without(secrets) for finding in report.findings]
    if as_json:
        told = [{**asdict(finding), "state": finding.state.lower()} for finding in report.findings]
        print_json({"well": report.is_well, "findings": told, "query": report.query})
    else:
        _say(report)
    raise typer.Exit(0 if report.is_well else 1)


@contextmanager
def _apart() -> Iterator[None]:
    """Let modules of the application be found, and neither print between the lines nor log anywhere."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        logging.disable(disabled)
        with suppress(ValueError):
            sys.path.remove(here)


def _read_columns(text: str) -> Any:
    try:
        return read_options({"DCRLOG_COLUMNS": text}).get("columns")
    except ConfigError as error:
        raise ConfigError(str(error).replace("DCRLOG_COLUMNS=", "--columns ")) from None


def _read(
    django: str | None, dict_config: str | None, handler: str | None, flags: Mapping[str, Any]
) -> Options:
    if django is not None and dict_config is not None:
        raise ConfigError("give --django or --dict-config, not both.")
    if django is not None:
        return read_django(django, handler)
    if dict_config is not None:
        return read_dict_config(dict_config, handler)
    if handler is not None:
        raise ConfigError("--handler is a name in a dictConfig. Say which with --django or --dict-config.")
    return Options({}, "options and environment" if flags else "environment")


def examine(
    given: Mapping[str, Any],
    origin: str,
    *,
    around: Options | None = None,
    asks: bool = True,
    sends: bool = True,
    now: Callable[[], float] = time.time,
    timeout: float = _TIMEOUT,
) -> Report:
    """Walk the way.

    Args:
        given: The handler's arguments; the environment is behind them.
        origin: Where they are from, in words.
        around: The configuration that has the handler.
        asks: Whether anything leaves this machine.
        sends: Whether the probe is sent.
        now: This machine's clock, in seconds since the epoch.
        timeout: Seconds for each that a step asks.
    """
    report = Report([*check_versions(), *(around.findings if around else ())])
    checked, findings = check_settings(given, origin, _entry(around, given))
    report.findings += findings
    if checked is None or checked.endpoint is None:
        report.leave_out((*_WAY, "spool"), "the settings come first")
        return report
    if not asks:
        report.leave_out(_WAY, "nobody was asked (--offline)")
    else:
        _walk(report, given, checked, sends=sends, now=now, timeout=timeout)
    report.findings += check_spool(checked)
    return report


def _entry(around: Options | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the handler's entry says, but for what a flag says otherwise."""
    entry = around.given if around else {}
    return {name: value for name, value in entry.items() if given.get(name) is value}


def _walk(
    report: Report,
    given: Mapping[str, Any],
    checked: settings.Settings,
    *,
    sends: bool,
    now: Callable[[], float],
    timeout: float,
) -> None:
    assert checked.endpoint is not None
    report.findings += check_network(checked.endpoint, timeout, now)
    report.leave_out(("tls", "clock"), "a step before has failed")
    identity = check_identity(checked.credential, checked.endpoint, now(), timeout)
    report.findings += identity.findings
    report.leave_out(("token",), "a step before has failed")
    if not sends:
        report.leave_out(("probe",), "no row was sent (--no-probe)")
    elif identity.token is None or report.has_failed("dns", "tls"):
        report.leave_out(("probe",), "a step before has failed")
    else:
        probed = send_probe(checked, identity.claims, timeout)
        report.findings.append(probed.finding)
        if probed.answer.status == 204:
            report.query = query_for(_with_environment(given), checked, probed.mark)


def _with_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return read_options(os.environ) | dict(given)
    except (ConfigError, SystemExit):
        # The step of the settings has told it.
        return dict(given)


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
    failed = len({finding.step for finding in report.findings if finding.state is State.FAIL})
    if failed:
        say(f"{failed} of the steps {'has' if failed == 1 else 'have'} failed.")
