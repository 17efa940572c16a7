"""Carries Python log records into Azure Monitor Logs tables through the Logs Ingestion API."""

from dcrlog.errors import ConfigError, ConfigWarning, DcrlogError
from dcrlog.handler import LogsIngestionHandler
from dcrlog.rules import Rule
from dcrlog.schema import Column, ColumnType, Stream
from dcrlog.stats import DropReason, Stats

__all__ = [
    "Column",
    "ColumnType",
    "ConfigError",
    "ConfigWarning",
    "DcrlogError",
    "DropReason",
    "LogsIngestionHandler",
    "Rule",
    "Stats",
    "Stream",
    "__version__",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("dcrlog")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
