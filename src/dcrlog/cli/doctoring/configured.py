"""The step of the settings: what the handler would say, and what it cannot know."""

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from dcrlog import settings
from dcrlog._endpoint import Endpoint
from dcrlog._environment import OFFICIAL_NAMES, PREFIX
from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.errors import ConfigError, shown
from dcrlog.settings import Settings

STEP: Final = "settings"

_HOST: Final = re.compile(r".+\.ingest\.monitor\.azure\.(com|cn|us)\Z")
_CLOUDS: Final = {"com": "Azure's public cloud", "cn": "Azure in China", "us": "Azure Government"}
_WRONG_HOSTS: Final = {
    ".metrics.ingest.monitor.azure.": "the endpoint for metrics; that for logs has no '.metrics' in it",
    ".handler.control.monitor.azure.": (
        "the configuration access endpoint; rows go to the logs ingestion endpoint"
    ),
    ".ods.opinsights.azure.": "the endpoint of the old Data Collector API",
    ".in.applicationinsights.azure.": "the endpoint of Application Insights",
}


def check_settings(
    given: Mapping[str, Any], origin: str, entry: Mapping[str, Any]
) -> tuple[Settings | None, list[Finding]]:
    """Load the settings as the handler does; None where it would refuse them.

    Args:
        given: Its arguments.
        origin: Where they are from, in words.
        entry: Those of them that its entry in a dictConfig has.
    """
    findings = list(_overruled(entry))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = settings.load(given)
    except (ConfigError, SystemExit) as error:  # what an option names may be a module that ends it all
        told = error if isinstance(error, ConfigError) else f"a module that is named ends with {error!r}"
        return None, [*findings, Finding(STEP, State.FAIL, f"{origin}: {told}")]
    findings += [Finding(STEP, State.WARN, str(each.message)) for each in caught]
    if not made.enabled:
        findings.append(
            Finding(
                STEP,
                State.FAIL,
                f"{origin}: enabled is False, so the handler takes no record",
                "Set enabled=True, or DCRLOG_ENABLED=true, or take it out.",
            )
        )
        return None, findings
    endpoint = made.endpoint
    assert endpoint is not None
    told = f"{origin}: endpoint {endpoint.url}, rule {made.rule_id}, stream {made.stream_name}"
    findings += [Finding(STEP, State.OK, told), *_about_endpoint(given, endpoint), *_about_stream(made)]
    if made.level > logging.INFO:
        findings.append(
            Finding(STEP, State.WARN, f"level is {made.level}: INFO, and what is below it, is not taken")
        )
    return made, findings


def _about_endpoint(given: Mapping[str, Any], endpoint: Endpoint) -> Iterator[Finding]:
    host = urlsplit(endpoint.url).hostname or ""
    written = given.get("endpoint") or _variable("endpoint") or ""
    if written.endswith("/"):
        yield Finding(STEP, State.OK, "endpoint ends with a slash, which is left out")
    wrong = next((what for part, what in _WRONG_HOSTS.items() if part in f".{host}"), None)
    is_azure = endpoint.authority is not None
    if wrong is not None:
        yield Finding(
            STEP,
            State.FAIL,
            f"endpoint {shown(endpoint.url)} is {wrong}",
            "Copy 'Logs ingestion' from the endpoint's, or the rule's, page in the portal.",
        )
    elif is_azure and not _HOST.match(host):
        yield Finding(
            STEP,
            State.WARN,
            f"endpoint {shown(endpoint.url)} is not of the form https://NAME.REGION-1.ingest.monitor.azure.com",
            "Copy 'Logs ingestion' from the endpoint's, or the rule's, page in the portal.",
        )
    if not is_azure:
        return
    cloud = host.rpartition(".")[2]
    expected = f"https://monitor.azure.{cloud}"
    if endpoint.audience != expected:
        yield Finding(
            STEP,
            State.FAIL,
            f"audience {shown(endpoint.audience)} is not that of {_CLOUDS[cloud]}, to which the "
            "endpoint belongs",
            f"Leave audience out, or make it {expected!r}.",
        )
    authority = (os.environ.get("AZURE_AUTHORITY_HOST") or "").removeprefix("https://").strip("/")
    if authority and authority != endpoint.authority:
        yield Finding(
            STEP,
            State.FAIL,
            f"AZURE_AUTHORITY_HOST is {shown(authority)}, but the endpoint belongs to "
            f"{_CLOUDS[cloud]}, where "
            f"{endpoint.authority} gives tokens",
            "Take the variable out, or give the endpoint of the other cloud.",
        )


def _about_stream(made: Settings) -> Iterator[Finding]:
    if made.stream_name.endswith("_CL"):
        yield Finding(
            STEP,
            State.WARN,
            f"stream_name {shown(made.stream_name)} looks like the rule's outputStream",
            "Rows go to a key of the rule's streamDeclarations, mostly the same name without '_CL'.",
        )


def _overruled(entry: Mapping[str, Any]) -> Iterator[Finding]:
    """Tell variables that have no effect, since the handler's entry or another variable says otherwise."""
    for option, official in OFFICIAL_NAMES.items():
        ours = PREFIX + option.upper()
        set_here = {name: os.environ[name] for name in (ours, official) if os.environ.get(name, "").strip()}
        if entry.get(option) is not None:
            winner, value = f"the handler's {option}", entry[option]
        elif ours in set_here:
            winner, value = ours, set_here.pop(ours)
        else:
            continue
        # No value is shown: people put secrets where they do not belong.
        for name in (name for name, other in set_here.items() if other.strip() != value):
            yield Finding(
                STEP,
                State.WARN,
                f"{name} has no effect, since {winner} comes first and says otherwise",
                "Take out the one that is not meant.",
            )


def _variable(option: str) -> str | None:
    return os.environ.get(PREFIX + option.upper()) or os.environ.get(OFFICIAL_NAMES[option])
