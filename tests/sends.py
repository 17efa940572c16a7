"""What tests of `dcrlog send` share: inputs, what arrived, and the command as a process of its own."""

import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

SEND = [sys.executable, "-m", "dcrlog", "send"]
TABLE = "AppLogs_CL"


def write(path, rows):
    """An NDJSON file of these rows."""
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def some(count, start=0):
    """Rows that say which they are."""
    return [{"Level": "INFO", "Message": f"row {number}"} for number in range(start, start + count)]


def messages(emulator):
    """How often each message is in the table."""
    return collections.Counter(row["Message"] for row in emulator.rows(TABLE))


def settled(place):
    """How many pieces a checkpoint calls settled; 0 where it is not there, or only just made."""
    text = place.read_text() if place.exists() else ""
    return json.loads(text)["position"]["total"] if text else 0


def rejected(directory):
    """What the file of rejects has in it."""
    path = directory / "dcrlog-rejects.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def start_send(emulator, directory, *arguments, environment=(), shell="", **options):
    """`dcrlog send` as a process of its own, with redirections of a shell's where they are given."""
    command = [*SEND, *map(str, arguments)]
    return subprocess.Popen(
        ["bash", "-c", f'"$@" {shell}', "bash", *command] if shell else command,
        env=os.environ | emulator.environment() | dict(environment),
        cwd=directory,
        **options,
    )


def peak_kib(pid):
    """The most memory that a process has had resident, in KiB; 0 for one that is ending."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0
