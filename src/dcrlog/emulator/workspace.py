"""What is configured in an emulator: the tables that exist and the rules that fill them.

Rules and tables may change while requests are answered. Each request sees one state of them: a change makes
new mappings and puts them in place at its end.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dcrlog.emulator.refused import Detail, RuleRefused
from dcrlog.emulator.rules import RuleSource, ServedRule, check_rule, load_rule
from dcrlog.emulator.tables import Table, TableSource, load_table
from dcrlog.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _State:
    rules: Mapping[str, ServedRule]
    tables: Mapping[str, Table]


class Workspace:
    """Tables and rules.

    Args:
        tables: Declarations of tables by name.
        create_tables: Make custom tables that a rule asks for and nobody has declared; None does so where no
            table is declared at all.
        strict: Refuse what Azure refuses of a transformation; else it is carried out, with a remark.

    Raises:
        ConfigError: Azure would not create such a table.
    """

    def __init__(
        self, tables: Mapping[str, TableSource], *, create_tables: bool | None, strict: bool = True
    ) -> None:
        self._create_tables = not tables if create_tables is None else create_tables
        # The default rule is nobody's, and its table no mistake, where only other tables are declared.
        self._create_default = create_tables is not False
        self._strict = strict
        self._lock = threading.Lock()
        loaded = {name: load_table(name, source) for name, source in tables.items()}
        self._state = _State({}, loaded)

    @property
    def rules(self) -> tuple[ServedRule, ...]:
        """The rules, in the order in which they came."""
        return tuple(self._state.rules.values())

    @property
    def tables(self) -> Mapping[str, Table]:
        """The declared tables, and those that the rules fill."""
        return self._state.tables

    @property
    def remarks(self) -> tuple[str, ...]:
        """What Azure accepts in the rules, but their authors have probably not meant."""
        return tuple(remark for rule in self.rules for remark in rule.remarks)

    def rule(self, immutable_id: str) -> ServedRule | None:
        """Return the rule of that id, in whichever case it is written."""
        return self._state.rules.get(immutable_id.lower())

    def add(self, source: RuleSource) -> ServedRule:
        """Add a rule.

        Raises:
            ConfigError: It cannot be used, or its id is taken.
        """
        served, tables = self._checked(source, self._state.tables, None)
        if self.rule(served.immutable_id) is not None:
            raise ConfigError(
                f"two rules have the id {served.immutable_id!r}. Give each an immutableId of its own."
            )
        self._put(served, tables)
        return served

    def put(
        self,
        immutable_id: str,
        source: RuleSource,
        prepare: Callable[[Mapping[str, Table]], None],
    ) -> tuple[ServedRule, bool]:
        """Put a rule in place of the one of that id, or add it; requests see the one or the other.

        Args:
            immutable_id: The id that senders use.
            source: The rule.
            prepare: Is given the tables before requests fill them.

        Returns:
            The rule, and whether there was none of that id.

        Raises:
            ConfigError: It cannot be used; the one before stays in place.
        """
        with self._lock:
            served, tables = self._checked(source, self._state.tables, immutable_id)
            prepare(tables)
            is_new = self.rule(immutable_id) is None
            self._put(served, tables)
        return served, is_new

    def adopt(self, found: Iterable[Table]) -> None:
        """Take over tables that a database file has; what is declared now wins."""
        tables = dict(self._state.tables)
        for table in found:
            known = tables.get(table.name)
            tables[table.name] = table if known is None else table.redeclared(known)
        self._state = _State(self._state.rules, tables)

    def _checked(
        self, source: RuleSource, tables: Mapping[str, Table], immutable_id: str | None
    ) -> tuple[ServedRule, dict[str, Table]]:
        rule = load_rule(source)
        own = rule.immutable_id
        if immutable_id is not None and own is not None and own.lower() != immutable_id.lower():
            raise RuleRefused(
                Detail("InvalidRule", f"the rule has the id '{own}', and the address has '{immutable_id}'.")
            )
        return check_rule(
            rule,
            tables,
            create_tables=self._create_tables or (source is None and self._create_default),
            strict=self._strict,
            immutable_id=immutable_id,
        )

    def _put(self, served: ServedRule, tables: Mapping[str, Table]) -> None:
        rules = {**self._state.rules, served.immutable_id.lower(): served}
        self._state = _State(rules, tables)
