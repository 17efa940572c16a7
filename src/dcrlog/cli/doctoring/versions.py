"""The step of the versions: what is installed, and whether it is as new as it has to be."""

import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from dcrlog.cli.doctoring.finding import Finding, State

STEP: Final = "versions"
_TOLD: Final = (
    "dcrlog", "azure-core", "azure-identity", "azure-monitor-ingestion", "msgspec", "opentelemetry-sdk",
)  # fmt: skip
_LEAST: Final = re.compile(r"([A-Za-z0-9._-]+)[^>;]*>=([0-9.]+)[^;]*(;.*extra)?")


def check_versions() -> Iterator[Finding]:
    """Name the versions, and those that are older than dcrlog says that it needs."""
    found = [f"Python {platform.python_version()} on {platform.system()}"]
    for package in _TOLD:
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    yield Finding(STEP, State.OK, ", ".join(found))
    for package, least, is_extra in sorted(set(_needed())):
        try:
            installed = version(package)
        except PackageNotFoundError:
            if is_extra:
                continue
            told = f"{package} is not installed"
        else:
            if _numbers(installed) >= _numbers(least):
                continue
            told = f"{package} {installed} is older than dcrlog needs it"
        yield Finding(STEP, State.FAIL, told, f"pip install '{package}>={least}'")


def _needed() -> Iterator[tuple[str, str, bool]]:
    with suppress(PackageNotFoundError):  # where dcrlog runs out of its sources
        for requirement in requires("dcrlog") or ():
            if (match := _LEAST.match(requirement)) is not None:
                yield match[1], match[2], match[3] is not None


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", re.split(r"[^0-9.]", text)[0])]
