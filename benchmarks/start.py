"""What importing and constructing costs a process, over one that does `import logging` and nothing else.

Fresh processes, each beside a bare one; a figure is the median of the paired differences. None of them logs
or connects. dcrlog loads the SDK in its first sender's thread, after the first record.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _common import IS_QUICK, RULE_ID, command_line, tell
from _peers import AZURE_MONITOR, GOOGLE_CLOUD, JSON_LOGGER, LISTENER, OURS, WATCHTOWER, installed

ROUNDS = 2 if IS_QUICK else 15
PAGE = os.sysconf("SC_PAGE_SIZE")
ENDPOINT = "https://dce.westeurope-1.ingest.monitor.azure.com"
KEY = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
PROGRAMS = {
    OURS: f"import dcrlog; dcrlog.LogsIngestionHandler({ENDPOINT!r}, {RULE_ID!r})",
    JSON_LOGGER: "from pythonjsonlogger.json import JsonFormatter; JsonFormatter()",
    LISTENER: "import azure.identity, azure.monitor.ingestion; "
    f"azure.monitor.ingestion.LogsIngestionClient({ENDPOINT!r}, azure.identity.DefaultAzureCredential())",
    AZURE_MONITOR: "from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter; "
    f"AzureMonitorLogExporter(connection_string={KEY!r}, disable_offline_storage=True)",
    WATCHTOWER: "import boto3, watchtower; watchtower.CloudWatchLogHandler("
    "boto3_client=boto3.client('logs', region_name='eu-west-1'), create_log_group=False)",
    GOOGLE_CLOUD: "import google.cloud.logging as cloud; "
    "from google.auth.credentials import AnonymousCredentials; "
    "client = cloud.Client(project='p', credentials=AnonymousCredentials(), _use_grpc=False); "
    "cloud.handlers.CloudLoggingHandler(client, resource=cloud.Resource('global', {}))",
}


@contextlib.contextmanager
def bytecode():
    """Let processes keep the bytecode of what they import, as they do where people run programs."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PYTHONPYCACHEPREFIX"] = directory
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            yield
        finally:
            del os.environ["PYTHONPYCACHEPREFIX"]


def measure(program):
    """Return milliseconds, CPU milliseconds and MiB of a process that runs `import logging` and this."""
    started = time.perf_counter()
    # os._exit: what ends at exit is not what starts.
    tell_memory = "os.write(1, open('/proc/self/statm', 'rb').read()); os._exit(0)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import logging, os; {program}; {tell_memory}"], stdout=subprocess.PIPE
    )
    with process.stdout:
        pages = process.stdout.read().split()[1]
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{program} failed")
    return seconds * 1000, (usage.ru_utime + usage.ru_stime) * 1000, int(pages) * PAGE / (1 << 20)


def main():
    os.environ |= {
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    }
    names, absent = installed(PROGRAMS)
    found = {name: [] for name in names}
    bare = []
    with bytecode():
        for name in names:
            measure(PROGRAMS[name])
        for _ in range(ROUNDS):
            for name, results in found.items():
                bare.append(measure("pass"))
                over = zip(measure(PROGRAMS[name]), bare[-1], strict=True)
                results.append([mine - base for mine, base in over])
    rows = [["import logging itself", *map(statistics.median, zip(*bare, strict=True))]]
    rows += [[name, *map(statistics.median, zip(*results, strict=True))] for name, results in found.items()]
    tell(
        f"Import and construction, {ROUNDS} fresh processes each{absent}",
        ["pipeline", "ms over import logging", "CPU ms over it", "MiB over it"],
        rows,
    )


if __name__ == "__main__":
    command_line(main)
