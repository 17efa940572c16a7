"""An emulator put together and running, and everything that ends with it."""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dcrlog.emulator.app import build_app
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.certificate import Certificate
from dcrlog.emulator.database import Database
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.guard import Names
from dcrlog.emulator.landing import Mode
from dcrlog.emulator.rules import ServedRule
from dcrlog.emulator.server import FOUND_AS_USUAL, Server, found_at, listen
from dcrlog.emulator.service import Service
from dcrlog.emulator.variables import variables
from dcrlog.emulator.workspace import Workspace
from dcrlog.errors import ConfigError

_QUERIES: Final = 4
"""Queries that run at once."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run; see `Emulator`.

    Raises:
        ConfigError: A setting has a value that makes no sense.
    """

    host: str
    names: tuple[str, ...]
    port: int
    http_port: int
    db: Path | None
    max_rows: int
    mode: Mode
    limits: bool
    max_query_rows: int

    def __post_init__(self) -> None:
        if self.mode not in ("strict", "lenient"):
            raise ConfigError(f"mode must be 'strict' or 'lenient', got {self.mode!r}.")
        for name, least in (("max_rows", self.max_rows), ("max_query_rows", self.max_query_rows)):
            if least < 1:
                raise ConfigError(f"{name} must be at least 1, got {least}.")


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator.

    Attributes:
        undo: Closing it ends everything.
        service: What answers.
        https: The address to send to.
        http: The address without TLS.
        ca_bundle: The path of a PEM file with the usual authorities and the emulator's.
    """

    undo: ExitStack
    service: Service
    https: str
    http: str
    ca_bundle: str

    def environment(self, rule: ServedRule, stream_name: str | None) -> dict[str, str]:
        """Return the variables with which a program sends to a stream of a rule, else to its first one."""
        return variables(
            https=self.https,
            http=self.http,
            ca_bundle=self.ca_bundle,
            rule_id=rule.immutable_id,
            stream=stream_name or next(iter(rule.streams)),
        )


def run(
    options: Options,
    workspace: Workspace,
    faults: Faults,
    authority: Authority,
    fail: Callable[[BaseException], None],
) -> Running:
    """Open the listeners and serve from a thread of the emulator's own.

    Raises:
        EmulatorError: A port is taken, or the database cannot be used; nothing is left open.
    """
    with ExitStack() as undo:
        service = _build_service(options, workspace, faults, authority, undo)
        https, http = (
            undo.enter_context(listen(options.host, port)) for port in (options.port, options.http_port)
        )
        names = options.names if options.host in FOUND_AS_USUAL else (*options.names, options.host)
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="dcrlog-emulator-"))
        bundle = Path(folder) / "ca-bundle.pem"
        certificate = Certificate(names)
        certificate.write_bundle(bundle)
        https_address = f"https://{found_at(options.host, 'localhost')}:{https.getsockname()[1]}"
        http_address = f"http://{found_at(options.host, '127.0.0.1')}:{http.getsockname()[1]}"
        app = build_app(
            service,
            names=Names(options.host, names),
            ca_certificate=certificate.authority,
            endpoint=https_address,
            fail=fail,
        )
        server = Server(app, [(https, certificate.server_context()), (http, None)], fail)
        undo.callback(server.stop)
        server.start()
        return Running(undo.pop_all(), service, https_address, http_address, str(bundle))


def _build_service(
    options: Options, workspace: Workspace, faults: Faults, authority: Authority, undo: ExitStack
) -> Service:
    database = Database(options.db)
    undo.callback(database.close)
    worker = ThreadPoolExecutor(1, "dcrlog-emulator-store")
    undo.callback(worker.shutdown)
    query_worker = ThreadPoolExecutor(_QUERIES, "dcrlog-emulator-query")
    undo.callback(query_worker.shutdown, cancel_futures=True)
    service = Service.build(
        workspace,
        database,
        faults=faults,
        authority=authority,
        mode=options.mode,
        max_rows=options.max_rows,
        limits=options.limits,
        run=lambda work: asyncio.get_running_loop().run_in_executor(worker, work),
        run_query=lambda work: asyncio.get_running_loop().run_in_executor(query_worker, work),
        max_query_rows=options.max_query_rows,
    )
    undo.callback(service.queries.close)
    return service
