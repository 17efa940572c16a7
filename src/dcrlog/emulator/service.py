"""What a running emulator consists of, behind its routes and its methods."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from dcrlog.emulator.answers import EmulatorError
from dcrlog.emulator.auth import Authority
from dcrlog.emulator.database import Database
from dcrlog.emulator.faults import Faults
from dcrlog.emulator.history import History
from dcrlog.emulator.ingestion import Run
from dcrlog.emulator.landing import Mode
from dcrlog.emulator.pulse import Pulse
from dcrlog.emulator.queries import Queries
from dcrlog.emulator.rules import RuleSource, ServedRule
from dcrlog.emulator.store import Store
from dcrlog.emulator.story import Story, tell
from dcrlog.emulator.window import Window
from dcrlog.emulator.workspace import Workspace
from dcrlog.rules import Rule


@dataclass(frozen=True, slots=True)
class Service:
    """The parts, and what concerns several of them.

    Attributes:
        workspace: Tables and rules.
        store: Rows.
        history: Requests, bodies and losses.
        pulse: How busy it is.
        faults: The faults on order.
        authority: Mints and checks tokens.
        mode: How strictly to answer.
        run: Runs a function in a thread, so that the event loop answers others meanwhile.
        windows: What each rule has taken in the present minute; None where it may take any amount.
        queries: Runs queries.
        run_query: As `run`, in threads where queries keep only each other waiting.
    """

    workspace: Workspace
    store: Store
    history: History
    pulse: Pulse
    faults: Faults
    authority: Authority
    mode: Mode
    run: Run
    windows: dict[str, Window] | None
    queries: Queries
    run_query: Run

    @classmethod
    def build(
        cls,
        workspace: Workspace,
        database: Database,
        *,
        faults: Faults,
        authority: Authority,
        mode: Mode,
        max_rows: int,
        limits: bool,
        run: Run,
        run_query: Run,
        max_query_rows: int,
    ) -> "Service":
        """Lay out the tables in a database, which may have some already.

        Raises:
            EmulatorError: The database cannot be used.
        """
        try:
            store, history = Store(database, max_rows=max_rows), History(database)
            workspace.adopt(store.found())
            store.ensure(workspace.tables)
        except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise database.unusable(str(error)) from None
        windows: dict[str, Window] | None = {} if limits else None
        queries = Queries(store, workspace, max_query_rows)
        return cls(
            workspace,
            store,
            history,
            Pulse(),
            faults,
            authority,
            mode,
            run,
            windows,
            queries,
            run_query,
        )

    def describe(self) -> dict[str, Any]:
        """Return what is served, as JSON values."""
        first, *_ = rules = self.workspace.rules
        return {
            "ready": True,
            "rule_id": first.immutable_id,
            "rules": [rule.immutable_id for rule in rules],
            "streams": [name for rule in rules for name in rule.streams],
            "tables": list(self.workspace.tables),
            "mode": self.mode,
        }

    def need_table(self, table: str) -> None:
        """Refuse the name of a table that there is not.

        Raises:
            EmulatorError: Names those that there are.
        """
        if table not in self.workspace.tables:
            known = ", ".join(self.workspace.tables) or "none"
            raise EmulatorError(f"the rule fills no table {table!r}. Tables: {known}.")

    def put_rule(self, rule_id: str, source: RuleSource) -> tuple[ServedRule, bool]:
        """Put a rule in place of the one of that id, or add it, and tell whether it is a new one.

        Raises:
            ConfigError: It cannot be used; the one before stays in place.
        """
        put = self.workspace.put(rule_id, source, self.store.ensure)
        self.pulse.touch()
        return put

    def put_rule_json(self, rule_id: str, text: bytes) -> tuple[ServedRule, bool]:
        """Put a rule that is given as JSON."""
        return self.put_rule(rule_id, Rule.from_json(text))

    def story(self, table: str, number: int) -> Story | None:
        """Return what became of a row on its way, where its body is still kept."""
        return tell(self.store, self.history, table, number)

    def reset(self) -> None:
        """Forget all rows, requests, losses and faults, and what rules have taken in this minute."""
        self.faults.clear()
        if self.windows is not None:
            self.windows.clear()
        self.store.reset()
        self.history.reset()
        self.pulse.reset()
