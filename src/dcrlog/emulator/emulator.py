"""The emulator as one object: start it, point a client at it, read what arrived, stop it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dcrlog.emulator import auth
from dcrlog.emulator.answers import EmulatorError
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.landing import Mode
from dcrlog.emulator.queries import MAX_QUERY_ROWS
from dcrlog.emulator.rules import RuleSource
from dcrlog.emulator.running import Options, Running, run
from dcrlog.emulator.service import Service
from dcrlog.emulator.store import MAX_ROWS
from dcrlog.emulator.tables import TableSource
from dcrlog.emulator.workspace import Workspace
from dcrlog.errors import ConfigError


class Emulator:
    """A Logs Ingestion endpoint on this machine, with tokens, rules and tables of its own.

    Use it as a context manager, or call `start` and `stop`. It listens with https and with http, and may be
    started again after it was stopped, with new ports and, without `db`, empty tables.

    Args:
        rule: A file, a parsed document, a `Rule`, or None for the default stream `Custom-AppLogs`; or a list
            of such.
        tables: The tables of the workspace by name: for each a file or a parsed document with its columns.
        create_tables: Make custom tables that nobody has declared from the streams that fill them. Unless
            given, this is done where `tables` has none, and in lenient mode; else Azure's refusal is raised.
        mode: `"strict"` answers as Azure does; `"lenient"` accepts what can be understood, and warns.
        limits: Answer 429 to what exceeds 12,000 requests or 2 GB of a rule in a minute.
        host: The address to listen on. Others than loopback let other machines read and change everything.
        names: Names by which other machines call it; they are in its certificate.
        port: The https port; 0 takes a free one.
        http_port: The http port; 0 takes a free one.
        db: A database file to keep rows in; None keeps them in memory.
        max_rows: A table that grows over this loses its oldest rows, with a warning in the request log.
        max_query_rows: An answer to a query has at most this many rows, and says so where there are more.
        grant_role: False gives tokens without the role, so that ingestion answers 403. The client id
            `"no-role"` has the same effect for one client.

    Raises:
        ConfigError: A rule or a table cannot be used; nothing has been started.
    """

    def __init__(
        self,
        rule: RuleSource | Sequence[RuleSource] = None,
        *,
        tables: Mapping[str, TableSource] | None = None,
        create_tables: bool | None = None,
        mode: Mode = "strict",
        limits: bool = False,
        host: str = "127.0.0.1",
        names: Sequence[str] = (),
        port: int = 0,
        http_port: int = 0,
        db: str | Path | None = None,
        max_rows: int = MAX_ROWS,
        max_query_rows: int = MAX_QUERY_ROWS,
        grant_role: bool = True,
    ) -> None:
        path = None if db is None else Path(db)
        self._options = Options(
            host, tuple(names), port, http_port, path, max_rows, mode, limits, max_query_rows
        )
        if create_tables is None and mode == "lenient":
            create_tables = True
        self._workspace = Workspace(tables or {}, create_tables=create_tables, strict=mode == "strict")
        sources = rule if isinstance(rule, list | tuple) else (rule,)
        if not sources:
            raise ConfigError("rule is an empty list. Give at least one rule, or None for the default one.")
        for source in sources:
            self._workspace.add(source)
        self._authority = auth.Authority(grant_role=grant_role)
        self._failures: list[BaseException] = []
        self._running: Running | None = None
        self.faults = Faults()
        """What goes wrong on order; empty at first, and after `reset`."""

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
        self._running = run(
            self._options, self._workspace, self.faults, self._authority, self._failures.append
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
        """The immutable id of the first rule; it follows from the streams where the rule has none."""
        return self._workspace.rules[0].immutable_id

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The immutable ids of all rules."""
        return tuple(rule.immutable_id for rule in self._workspace.rules)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What Azure accepts in the rules, but their authors have probably not meant."""
        return self._workspace.remarks

    @property
    def endpoint(self) -> str:
        """The https address, as a client's `endpoint`."""
        return self._require().https

    @property
    def http_endpoint(self) -> str:
        """The plain http address, for managed identity and the control routes."""
        return self._require().http

    @property
    def ca_bundle(self) -> str:
        """The path of a PEM file with the usual authorities and the emulator's."""
        return self._require().ca_bundle

    def environment(self, stream_name: str | None = None, *, rule_id: str | None = None) -> dict[str, str]:
        """Return the variables with which an unmodified program sends to a rule's stream, else the first.

        Raises:
            EmulatorError: There is no such rule.
        """
        rule = self._workspace.rule(rule_id or self.rule_id)
        if rule is None:
            raise EmulatorError(f"there is no rule {rule_id!r}. Rules: {', '.join(self.rule_ids)}.")
        return self._require().environment(rule, stream_name)

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

    def put_rule(self, rule: RuleSource, rule_id: str | None = None) -> None:
        """Put a rule in place of that of an id, else of the first one; senders need not change anything.

        Where there is no rule of that id, it is added.

        Raises:
            ConfigError: Azure would refuse it; the one before stays in place.
        """
        self._require().service.put_rule(rule_id or self.rule_id, rule)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table in arrival order, null where a row has no value.

        Datetimes are ISO text in UTC with up to seven digits; dynamic values are Python values again.

        Raises:
            EmulatorError: The rule fills no such table.
        """
        return self._service_with(table).store.rows(table)

    def query(self, kql: str) -> list[dict[str, Any]]:
        """Run a query over all rows, as the query API does, and return what comes out, by column.

        Datetimes are ISO text in UTC with seven digits; dynamic values are Python values.

        Raises:
            KqlError: It is wrong, or not supported.
            QueryLimitError: It takes over ten minutes, or too much memory.
        """
        return self._require().service.queries.rows(kql)

    def count(self, table: str) -> int:
        """Return how many rows a table holds; raises as `rows` does, and is far quicker."""
        return self._service_with(table).store.count(table)

    def story(self, table: str, number: int) -> dict[str, Any] | None:
        """Return what became of a row on its way: `sent`, `typed`, `transformed`, `stored`, and `notes`.

        Rows are numbered from 1 since the last reset. None where there is no such row, or where the body that
        brought it is not kept any more: of those there are 32 MiB.

        Raises:
            EmulatorError: The rule fills no such table.
        """
        told = self._service_with(table).story(table, number)
        return None if told is None else told.show()

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked and answered, oldest first; the keys are those of `RequestEntry`."""
        return self._require().service.history.requests()

    def drops(self) -> list[dict[str, Any]]:
        """Return what did not reach a table as it was sent, counted by reason, stream, table and field."""
        return self._require().service.history.drops()

    def reset(self) -> None:
        """Forget all rows, requests, losses, faults and what counts to limits; rules and tables stay."""
        self._require().service.reset()

    def _service_with(self, table: str) -> Service:
        service = self._require().service
        service.need_table(table)
        return service

    def _require(self) -> Running:
        if self._running is None:
            raise EmulatorError("the emulator is not running. Use it in a with statement, or call start().")
        return self._running
