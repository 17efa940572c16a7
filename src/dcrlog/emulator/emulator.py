"""The emulator as one object: start it, point a client at it, read what arrived, stop it."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

from dcrlog.emulator import auth
from dcrlog.emulator.answers import EmulatorError
from dcrlog.emulator.app import build_app
from dcrlog.emulator.certificate import Certificate
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.ingestion import Ingestion, Mode
from dcrlog.emulator.rules import RuleSource, check_rule, load_rule
from dcrlog.emulator.server import Server, listen
from dcrlog.emulator.store import MAX_ROWS, Store
from dcrlog.emulator.tokens import IDENTITY_PATH
from dcrlog.errors import ConfigError


class Emulator:
    """A Logs Ingestion endpoint on this machine, with tokens, a rule and tables of its own.

    Use it as a context manager, or call `start` and `stop`. It listens on loopback only, with https and with
    http, and may be started again after it was stopped, with new ports and, without `db`, empty tables.

    Args:
        rule: A file, a parsed document, a `Rule`, or None for the default stream `Custom-AppLogs`.
        mode: `"strict"` answers as Azure does; `"lenient"` accepts what can be understood, and warns.
        port: The https port; 0 takes a free one.
        http_port: The http port; 0 takes a free one.
        db: A database file to keep rows in; None keeps them in memory.
        max_rows: A table that grows over this loses its oldest rows, with a warning in the request log.
        grant_role: False gives tokens without the role, so that ingestion answers 403. The client id
            `"no-role"` has the same effect for one client.

    Raises:
        ConfigError: The rule cannot be used; nothing has been started.
    """

    def __init__(
        self,
        rule: RuleSource = None,
        *,
        mode: Mode = "strict",
        port: int = 0,
        http_port: int = 0,
        db: str | Path | None = None,
        max_rows: int = MAX_ROWS,
        grant_role: bool = True,
    ) -> None:
        if mode not in ("strict", "lenient"):
            raise ConfigError(f"mode must be 'strict' or 'lenient', got {mode!r}.")
        if max_rows < 1:
            raise ConfigError(f"max_rows must be at least 1, got {max_rows}.")
        loaded = load_rule(rule)
        self._rule = check_rule(loaded)
        self._mode: Mode = mode
        self._ports = (port, http_port)
        self._db = None if db is None else Path(db)
        self._max_rows = max_rows
        self._authority = auth.Authority(grant_role=grant_role)
        self._failures: list[BaseException] = []
        self._running: _Running | None = None
        self.faults = Faults()
        """What goes wrong on order; empty at first, and after `reset`."""
        self.remarks = loaded.remarks
        """What Azure accepts in the rule, but its author has probably not meant."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.check()

    def start(self) -> None:
        """Open the listeners and serve from a thread of the emulator's own.

        Raises:
            EmulatorError: It runs already, a port is taken, or the database cannot be used.
        """
        if self._running is not None:
            raise EmulatorError("the emulator is running already.")
        with ExitStack() as undo:
            store = Store(self._db, self._rule.tables, max_rows=self._max_rows)
            undo.callback(store.close)
            worker = ThreadPoolExecutor(1, "dcrlog-emulator-store")
            undo.callback(worker.shutdown)
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="dcrlog-emulator-"))
            bundle = Path(folder) / "ca-bundle.pem"
            certificate = Certificate()
            certificate.write_bundle(bundle)
            https, http = (undo.enter_context(listen(port)) for port in self._ports)
            ingestion = Ingestion(
                self._rule,
                store,
                self._authority,
                self._mode,
                run=lambda work: asyncio.get_running_loop().run_in_executor(worker, work),
            )
            app = build_app(ingestion, self.faults, self._failures.append)
            listeners = [(https, certificate.server_context()), (http, None)]
            server = Server(app, listeners, self._failures.append)
            undo.callback(server.stop)
            server.start()
            self._running = _Running(
                undo.pop_all(), store, https.getsockname()[1], http.getsockname()[1], str(bundle)
            )

    def stop(self) -> None:
        """Close every connection, end the threads and delete the CA bundle; takes seconds at most.

        Does nothing where the emulator is not running.
        """
        running, self._running = self._running, None
        if running is not None:
            running.undo.close()

    def check(self) -> None:
        """Raise what went wrong inside the emulator since the last check; leaving the context does it too.

        Raises:
            EmulatorError: A request was answered 500, or the event loop met an unexpected exception.
        """
        failures, self._failures[:] = list(self._failures), []
        if failures:
            first = failures[0]
            raise EmulatorError(
                f"the emulator failed {len(failures)} times; first: {type(first).__name__}: {first}."
            ) from first

    @property
    def rule_id(self) -> str:
        """The immutable id of the rule; it follows from the streams where the rule has none."""
        return self._rule.immutable_id

    @property
    def endpoint(self) -> str:
        """The https address, as a client's `endpoint`."""
        return f"https://localhost:{self._require().https_port}"

    @property
    def http_endpoint(self) -> str:
        """The plain http address, for managed identity and the control routes."""
        return f"http://127.0.0.1:{self._require().http_port}"

    @property
    def ca_bundle(self) -> str:
        """The path of a PEM file with the usual authorities and the emulator's."""
        return self._require().ca_bundle

    def environment(self, stream_name: str | None = None) -> dict[str, str]:
        """Return the variables with which an unmodified program talks to this emulator.

        Args:
            stream_name: The stream it sends to; None takes the first of the rule.
        """
        variables = {
            "AZURE_AUTHORITY_HOST": self.endpoint,
            "AZURE_TENANT_ID": auth.TENANT,
            "AZURE_CLIENT_ID": auth.CLIENT_ID,
            "AZURE_CLIENT_SECRET": auth.CLIENT_SECRET,
            "REQUESTS_CA_BUNDLE": self.ca_bundle,
            "SSL_CERT_FILE": self.ca_bundle,
            "IDENTITY_ENDPOINT": f"{self.http_endpoint}{IDENTITY_PATH}",
            "IDENTITY_HEADER": auth.IDENTITY_HEADER,
            "DATA_COLLECTION_ENDPOINT": self.endpoint,
            "LOGS_DCR_RULE_ID": self.rule_id,
            "LOGS_DCR_STREAM_NAME": stream_name or next(iter(self._rule.streams)),
        }
        proxies = getproxies()
        if proxies:
            # requests would send even loopback addresses through a proxy.
            others = [proxies["no"]] if proxies.get("no") else []
            variables["NO_PROXY"] = ",".join([*others, "localhost", "127.0.0.1"])
        return variables

    def token(
        self, audience: str = auth.DEFAULT_AUDIENCE, *, expires_in: float = 3600, role: bool = True
    ) -> str:
        """Mint an access token without asking the token endpoint.

        Args:
            audience: Whom it is for; ingestion takes `https://monitor.azure.{com,cn,us}`.
            expires_in: Seconds until it expires; negative for one that has.
            role: False for a bearer without the role on the rule.
        """
        return self._authority.mint(audience, expires_in=expires_in, role=role)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table in arrival order, null where a row has no value.

        Datetimes are ISO text in UTC with up to seven digits; dynamic values are Python values again.

        Raises:
            EmulatorError: The rule fills no such table.
        """
        return self._store_with(table).rows(table)

    def count(self, table: str) -> int:
        """Return how many rows a table holds; beside busy threads this is far quicker than `rows`.

        Raises:
            EmulatorError: The rule fills no such table.
        """
        return self._store_with(table).count(table)

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked and answered, oldest first; the keys are those of `RequestEntry`."""
        return self._require().store.requests()

    def reset(self) -> None:
        """Forget all rows, requests and faults."""
        store = self._require().store
        self.faults.clear()
        store.reset()

    def _store_with(self, table: str) -> Store:
        store = self._require().store
        if table not in self._rule.tables:
            known = ", ".join(self._rule.tables) or "none"
            raise EmulatorError(f"the rule fills no table {table!r}. Tables: {known}.")
        return store

    def _require(self) -> "_Running":
        if self._running is None:
            raise EmulatorError("the emulator is not running. Use it in a with statement, or call start().")
        return self._running


@dataclass(frozen=True, slots=True)
class _Running:
    undo: ExitStack
    store: Store
    https_port: int
    http_port: int
    ca_bundle: str
