"""Carries Python log records into Azure Monitor Logs tables through the Logs Ingestion API."""

from typing import TYPE_CHECKING

from dcrlog.errors import ConfigError, ConfigWarning, DcrlogError
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
    "Sample",
    "Stats",
    "Stream",
    "__version__",
]

if TYPE_CHECKING:
    from dcrlog._sample import Sample
    from dcrlog.handler import LogsIngestionHandler

    __version__: str
else:

    def __getattr__(name):
        # At its first use, since every run of pytest imports this package on the way to the plugin.
        if name == "LogsIngestionHandler":
            from dcrlog.handler import LogsIngestionHandler

            return LogsIngestionHandler
        if name == "Sample":
            from dcrlog._sample import Sample

            return Sample
        if name == "__version__":
            from importlib.metadata import version

            return version("dcrlog")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
