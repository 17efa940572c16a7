"""`dcrlog emulator`: the service on this machine, until it is stopped."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from dcrlog.emulator import Emulator, EmulatorError, Fault
from dcrlog.emulator.fault import parse_faults
from dcrlog.errors import ConfigError


def emulator(
    *,
    rule: Annotated[
        Path | None, typer.Option(help="JSON file of the data collection rule; else the default stream.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="https port; 0 takes a free one.")] = 0,
    db: Annotated[Path | None, typer.Option(help="SQLite file to keep rows in; else memory.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="JSON", help="A fault, as POST /_emulator/faults takes it.")
    ] = None,
    fail_rate: Annotated[float | None, typer.Option(help="Share of the uploads to answer 503.")] = None,
    latency: Annotated[
        float | None, typer.Option(help="Seconds by which to delay the other answers.")
    ] = None,
) -> None:
    """Run the emulator; print one JSON line with its addresses and variables when it is ready."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        faults = [each for text in fault or [] for each in parse_faults(text)]
        if fail_rate is not None:
            faults.append(Fault("status", status=503, rate=fail_rate))
        if latency is not None:
            faults.append(Fault("delay", seconds=latency))
        with Emulator(rule, port=port, db=db) as running:
            for each in faults:
                running.faults.add(each)
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
