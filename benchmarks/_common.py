"""What the benchmarks share: the benchmark rule, the record, the command line, and how a run is told."""

import argparse
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

PACKAGES = (
    "msgspec",
    "isal",
    "azure-core",
    "azure-monitor-ingestion",
    "opentelemetry-sdk",
    "azure-monitor-opentelemetry-exporter",
    "python-json-logger",
    "watchtower",
    "google-cloud-logging",
)

RULE = {
    "streamDeclarations": {
        "Custom-Bench": {
            "columns": [
                {"name": name, "type": kind}
                for name, kind in {
                    "TimeGenerated": "datetime",
                    "Level": "string",
                    "Logger": "string",
                    "Message": "string",
                    "UserId": "string",
                    "DurationMs": "real",
                    "Count": "long",
                    "Success": "boolean",
                    "RequestId": "string",
                    "InstanceId": "string",
                    "Seq": "long",
                }.items()
            ]
        }
    },
    "dataFlows": [{"streams": ["Custom-Bench"], "outputStream": "Custom-Bench_CL"}],
}
"""9 typed columns of which 5 come from `extra`, plus InstanceId and Seq."""

RULE_ID = "dcr-" + "0" * 32

COLUMNS = MappingProxyType(
    {
        "user_id": "UserId",
        "duration_ms": "DurationMs",
        "count": "Count",
        "success": "Success",
        "request_id": "RequestId",
    }
)
"""Column by name of the extra."""

WHOLE = ("TimeGenerated", "Level", "Logger", "Message", *COLUMNS.values())
"""The columns of a row that has all of its record."""

EXTRAS = MappingProxyType(
    {
        "user_id": "alice@example.org",
        "duration_ms": 12.5,
        "count": 0,
        "success": True,
        "request_id": "6f1c0e9a-8f0e-4a6e-9d57-1b1f6f2f8a11",
    }
)
"""The extras of a record, `count` being its number."""

IS_QUICK = "--quick" in sys.argv
"""Whether to run one short round, for a smoke test."""


class Credential:
    """A token for nobody."""

    def get_token(self, *scopes, **options):  # noqa: ARG002
        from azure.core.credentials import AccessToken

        return AccessToken("token", int(time.time()) + 3600)


def log_records(logger: logging.Logger, first: int, count: int) -> None:
    """Make `logger.info` calls with two arguments and five extras each."""
    for number in range(first, first + count):
        logger.info("user %s did %s", "alice@example.org", "checkout", extra={**EXTRAS, "count": number})


class Discard:
    """Takes every body and keeps none."""

    def __init__(self):
        # Not above: dcrlog's import would lie before the clock of a run, and its peers' behind it.
        from dcrlog.testing import Answer

        self._answer = Answer

    def send(self, body: bytes, *, request_id: str, timeout: float):  # noqa: ARG002
        return self._answer(status=204, request_id=request_id)

    def close(self) -> None:
        pass


def logger_with(name: str, handler: logging.Handler) -> logging.Logger:
    """Return a logger that has this handler only."""
    logger = logging.getLogger(f"bench.{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    return logger


def machine() -> str:
    """Tell what this run ran on."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    cpu = platform.processor() or platform.machine()
    for line in _cpu_lines():
        cpu = line.partition(":")[2].strip()
        break
    versions[:0] = [f"dcrlog {_commit()}", f"Python {platform.python_version()}", f"{os.cpu_count()} x {cpu}"]
    return ", ".join(versions)


def _commit() -> str:
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "of no commit"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return (
        [line for line in path.read_text().splitlines() if line.startswith("model name")]
        if path.exists()
        else []
    )


def check(stats, calls: int) -> None:
    """Fail where a handler has not held each of its calls."""
    if stats.accepted != calls or stats.dropped or stats.unspooled:
        sys.exit(f"{calls} calls, but {stats}")


def command_line(measure, run=None, *options: str) -> None:
    """Read the command line; call `run` with what follows `--run` on it, else `measure`.

    Args:
        measure: The benchmark.
        run: What it runs in processes of their own.
        options: Further switches, which the benchmark itself looks for.
    """
    if run is not None and "--run" in sys.argv:
        run(*sys.argv[sys.argv.index("--run") + 1 :])
        return
    told = sys.modules["__main__"].__doc__
    parser = argparse.ArgumentParser(
        description=told, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="one short round, whose figures mean nothing")
    parser.add_argument("--json", action="store_true", help="the table on stderr, and JSON on stdout")
    for option in options:
        parser.add_argument(option, action="store_true" if option.startswith("-") else "store")
    parser.parse_args()
    # What is left behind goes with the blocks that have made it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    measure()


def tell(title: str, headings: list[str], rows: list[list[object]]) -> None:
    """Print a table, in Markdown; with --json on stderr, and one JSON object on stdout."""
    table = sys.stdout
    if "--json" in sys.argv:
        print(json.dumps({"title": title, "machine": machine(), "headings": headings, "rows": rows}))
        table = sys.stderr
    cells = [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    print(f"{title}\n{machine()}\n", file=table)
    for line in (headings, ["-" * width for width in widths], *cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(padded)} |", file=table)
