"""`dcrlog emulator`: the service on this machine, until it is stopped."""

import enum
import ipaddress
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated

import typer

from dcrlog.cli.output import give_up, print_json, warn
from dcrlog.emulator import Emulator, EmulatorError, Fault
from dcrlog.emulator.fault import parse_faults
from dcrlog.emulator.queries import MAX_QUERY_ROWS
from dcrlog.emulator.store import MAX_ROWS
from dcrlog.errors import ConfigError, shown

_LOOK = 1.0
"""Seconds between two looks at what has gone wrong."""


class _Mode(enum.StrEnum):
    STRICT = "strict"
    LENIENT = "lenient"


_Rules = Annotated[
    list[Path] | None,
    typer.Option(help="JSON file of a data collection rule, once for each; else the default stream."),
]
_Tables = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME:FILE", help="A table that exists, with the JSON file of its columns."),
]
_CreateTables = Annotated[
    bool | None,
    typer.Option(
        "--create-tables/--no-create-tables",
        help="Make missing tables from the streams; the default where no --table is given.",
    ),
]
_ChosenMode = Annotated[_Mode, typer.Option(help="Answer as Azure does, or accept and warn.")]
_Limits = Annotated[
    bool, typer.Option("--limits", help="Answer 429 beyond 12,000 requests or 2 GB of a rule in a minute.")
]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="https port; 0 takes a free one.")]
_HttpPort = Annotated[int, typer.Option(min=0, max=65535, help="http port; 0 takes a free one.")]
_Host = Annotated[str, typer.Option(help="Address to listen on. Others than loopback let other machines in.")]
_Names = Annotated[list[str] | None, typer.Option(help="A name by which other machines call it.")]
_Database = Annotated[Path | None, typer.Option(help="SQLite file to keep rows in; else memory.")]
_EnvFile = Annotated[
    Path | None, typer.Option(help="Write the variables to this file, a line each, when it is ready.")
]
_MaxRows = Annotated[int, typer.Option(min=1, help="Rows that a table keeps.")]
_MaxQueryRows = Annotated[int, typer.Option(min=1, help="Rows that an answer to a query has at most.")]
_Faults = Annotated[
    list[str] | None, typer.Option(metavar="JSON", help="A fault, as POST /_emulator/faults takes it.")
]
_FailRate = Annotated[float | None, typer.Option(help="Share of the uploads to answer 503.")]
_Latency = Annotated[float | None, typer.Option(help="Seconds by which to delay the other answers.")]


def emulator(
    *,
    rule: _Rules = None,
    table: _Tables = None,
    create_tables: _CreateTables = None,
    mode: _ChosenMode = _Mode.STRICT,
    limits: _Limits = False,
    port: _Port = 0,
    http_port: _HttpPort = 0,
    host: _Host = "127.0.0.1",
    name: _Names = None,
    db: _Database = None,
    env_file: _EnvFile = None,
    max_rows: _MaxRows = MAX_ROWS,
    max_query_rows: _MaxQueryRows = MAX_QUERY_ROWS,
    fault: _Faults = None,
    fail_rate: _FailRate = None,
    latency: _Latency = None,
) -> None:
    """Run the emulator; print one JSON line with its addresses and variables when it is ready."""
    stops = _caught_signals()
    try:
        if env_file is not None:
            # One that a killed emulator has left would say that this one is ready.
            with _used(env_file):
                env_file.unlink(missing_ok=True)
        faults = _faults(fault or [], fail_rate, latency)
        with Emulator(
            rule or None,
            tables=dict(_declared(text) for text in table or []),
            create_tables=create_tables,
            mode=mode.value,
            limits=limits,
            host=host,
            names=name or (),
            port=port,
            http_port=http_port,
            db=db,
            max_rows=max_rows,
            max_query_rows=max_query_rows,
        ) as running:
            for each in faults:
                running.faults.add(each)
            with _env_file(env_file, running):
                _greet(running, host)
                while not _is_stopped(stops):
                    _tell_failures(running)
    except (ConfigError, EmulatorError) as error:
        give_up("emulator", error)


def _faults(texts: list[str], fail_rate: float | None, latency: float | None) -> list[Fault]:
    faults = [each for text in texts for each in parse_faults(text)]
    if fail_rate is not None:
        faults.append(Fault("status", status=503, rate=fail_rate))
    if latency is not None:
        faults.append(Fault("delay", seconds=latency))
    return faults


def _caught_signals() -> SimpleQueue[int]:
    # Its put may interrupt its get; the set of an Event that is waited for can wait for ever.
    stops: SimpleQueue[int] = SimpleQueue()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Under nohup it is ignored, and has to stay so.
        if number is not None and (name != "SIGHUP" or signal.getsignal(number) is signal.SIG_DFL):
            signal.signal(number, lambda caught, _: stops.put(caught))
    return stops


def _is_stopped(stops: SimpleQueue[int]) -> bool:
    with suppress(Empty):
        stops.get(timeout=_LOOK)
        return True
    return False


def _tell_failures(running: Emulator) -> None:
    try:
        running.check()
    except EmulatorError as error:
        warn("emulator", str(error))


def _declared(text: str) -> tuple[str, Path]:
    name, _, path = text.partition(":")
    if not path:
        raise ConfigError(f"--table {shown(text)} must be a table's name, a colon and a JSON file.")
    return name, Path(path)


@contextmanager
def _env_file(path: Path | None, running: Emulator) -> Iterator[None]:
    """Keep the file while the emulator runs: that it is there says that it is ready."""
    if path is None:
        yield
        return
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in running.environment().items()]
    half_written = path.with_name(f"{path.name}.new")
    with _used(path):
        half_written.write_text("".join(lines), encoding="utf-8")
        half_written.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _used(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"--env-file {str(path)!r} cannot be written: {error.strerror}. "
            "Name a file in a directory that is there."
        ) from None


def _greet(running: Emulator, host: str) -> None:
    if not _is_loopback(host):
        warn(
            "emulator",
            f"warning: listening on {host}. Whoever reaches this machine can read and change all: "
            "there is no password.",
        )
    for remark in running.remarks:
        warn("emulator", remark)
    ready = {
        "https": running.endpoint,
        "http": running.http_endpoint,
        "page": f"{running.http_endpoint}/",
        "ca_bundle": running.ca_bundle,
        "rule_ids": running.rule_ids,
        "environment": running.environment(),
    }
    print_json(ready)
    ready_at = f"Look at {running.http_endpoint}/ and send to {running.endpoint}"
    warn("emulator", f"ready. {ready_at}; Ctrl+C stops it.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
