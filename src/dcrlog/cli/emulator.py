"""`dcrlog emulator`: the service on this machine, until it is stopped."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from dcrlog.emulator import Emulator, EmulatorError
from dcrlog.errors import ConfigError


def emulator(
    rule: Annotated[
        Path | None, typer.Option(help="JSON file of the data collection rule; else the default stream.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="https port; 0 takes a free one.")] = 0,
    db: Annotated[Path | None, typer.Option(help="SQLite file to keep rows in; else memory.")] = None,
) -> None:
    """Run the emulator; print one JSON line with its addresses and variables when it is ready."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Emulator(rule, port=port, db=db) as running:
            for remark in running.remarks:
                print(f"dcrlog emulator: {remark}", file=sys.stderr)
            ready = {
                "https": running.endpoint,
                "http": running.http_endpoint,
                "ca_bundle": running.ca_bundle,
                "environment": running.environment(),
            }
            print(json.dumps(ready), flush=True)
            stop.wait()
    except (ConfigError, EmulatorError) as error:
        sys.exit(f"dcrlog emulator: {error}")
