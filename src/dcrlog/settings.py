"""Frozen settings. Our own variables of the environment are read here and nowhere else."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dcrlog._endpoint import Endpoint, check_rule_id, parse_endpoint
from dcrlog._environment import OFFICIAL_NAMES, level_number, read_options
from dcrlog._mapping import DEFAULT_STREAM_NAME, DEFAULTS, Defaults, MappedColumn, map_columns
from dcrlog._options import (
    read_boolean,
    read_callable,
    read_choice,
    read_credential,
    read_directory,
    read_integer,
    read_seconds,
)
from dcrlog._redact import Redact, make_redactor
from dcrlog._rule_file import read_rule_file
from dcrlog.errors import ConfigError, ConfigWarning, shown
from dcrlog.rules import Rule
from dcrlog.schema import Stream, check_stream_name, check_stream_path
from dcrlog.stats import DropReason

MIB: Final = 1024 * 1024

OnDrop = Callable[[DropReason, int], None]


class OnFull(StrEnum):
    """What a full queue does with a row."""

    DROP_NEWEST = "drop_newest"
    DROP_OLDEST = "drop_oldest"
    BLOCK = "block"


class AccountRows(StrEnum):
    """When the queue tells its losses in the table itself."""

    LOSSES = "losses"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option, checked. `load` makes one from arguments and environment.

    Attributes:
        endpoint: The logs ingestion endpoint; None if `enabled` is False or a sender was given.
        rule_id: The rule's immutable id.
        stream_name: The stream that takes the rows.
        credential: A TokenCredential, one of the names in `dcrlog._options`, or `{"()": factory, ...}`.
        columns: The columns and the fields that fill them.
        enabled: Whether records are taken at all.
        level: Records below it are not taken.
        capacity: Bytes of rows that may wait, 64 for each row on top of its own.
        flush_interval: Seconds that a row waits for others before it is sent.
        close_timeout: Seconds that `close`, and the process's exit, wait at most.
        on_full: What happens to a row when `capacity` is reached.
        block_timeout: Seconds that `on_full="block"` waits at most.
        max_senders: Threads that deliver at the same time, at most.
        redact: Takes secrets out of a row.
        on_drop: Called with a reason and a number of rows, from a sender thread.
        account_rows: When losses are told in the table.
        spool_dir: Directory of the spool; None keeps rows in memory.
        spool_capacity: Bytes that the spool may take.
        fsync: Whether the spool is synced to the disk.
        flush_on_sigterm: Whether SIGTERM flushes before it ends the process.
    """

    endpoint: Endpoint | None
    rule_id: str
    stream_name: str
    credential: Any = field(default="default", repr=False)
    columns: tuple[MappedColumn, ...]
    enabled: bool = True
    level: int = 0
    capacity: int = 64 * MIB
    flush_interval: float = 1.0
    close_timeout: float = 5.0
    on_full: OnFull = OnFull.DROP_NEWEST
    block_timeout: float = 10.0
    max_senders: int = 8
    redact: Redact | None = None
    on_drop: OnDrop | None = None
    account_rows: AccountRows = AccountRows.LOSSES
    spool_dir: Path | None = None
    spool_capacity: int = 1024 * MIB
    fsync: bool = False
    flush_on_sigterm: bool = False


OPTIONS: Final = frozenset({each.name for each in fields(Settings)} | {"rule", "audience"})

_DEFAULTS: Final[dict[str, Any]] = {
    each.name: each.default for each in fields(Settings) if each.default is not MISSING
}


def load(
    options: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    *,
    needs_endpoint: bool = True,
    defaults: Defaults = DEFAULTS,
) -> Settings:
    """Check options, with the environment behind them; an option that is None counts as not given.

    Args:
        options: Options by name, as `LogsIngestionHandler` documents them.
        environment: Variables; the process's own by default.
        needs_endpoint: False when a sender was given, which knows where it sends.
        defaults: The columns of the front end.

    Raises:
        ConfigError: Names the option, its value and what to do.
    """
    given = _DEFAULTS | read_options(os.environ if environment is None else environment)
    given |= {name: value for name, value in options.items() if value is not None}
    enabled = read_boolean(given, "enabled")
    rule = read_rule(given.get("rule")) if enabled else None
    chosen, defaults, default_stream_name = _resolve_preset(given.get("columns"), defaults)
    stream_name, stream = _choose_stream(rule, given.get("stream_name"), default_stream_name)
    endpoint, rule_id = _choose_destination(given, rule, is_needed=enabled and needs_endpoint)
    columns = map_columns(stream, chosen, defaults) if enabled else ()
    _warn_without_identity(given, columns)
    return Settings(
        endpoint=endpoint,
        rule_id=rule_id,
        stream_name=stream_name,
        credential=read_credential(given, "credential"),
        columns=columns,
        enabled=enabled,
        level=level_number(given["level"]),
        capacity=read_integer(given, "capacity", least=2 * MIB, unit="bytes"),
        flush_interval=read_seconds(given, "flush_interval", least=0.01),
        close_timeout=read_seconds(given, "close_timeout"),
        on_full=read_choice(given, "on_full", OnFull),
        block_timeout=read_seconds(given, "block_timeout"),
        max_senders=read_integer(given, "max_senders", least=1, most=64, unit="threads"),
        redact=make_redactor(given["redact"]),
        on_drop=read_callable(given, "on_drop"),
        account_rows=read_choice(given, "account_rows", AccountRows),
        spool_dir=read_directory(given, "spool_dir"),
        spool_capacity=read_integer(given, "spool_capacity", least=8 * MIB, unit="bytes"),
        fsync=read_boolean(given, "fsync"),
        flush_on_sigterm=read_boolean(given, "flush_on_sigterm"),
    )


def _warn_without_identity(given: Mapping[str, Any], columns: tuple[MappedColumn, ...]) -> None:
    if given["spool_dir"] is None or not columns:
        return
    filled = {field for column in columns for field in column.fields}
    missing = [name for field, name in (("instance_id", "InstanceId"), ("seq", "Seq")) if field not in filled]
    if missing:
        warnings.warn(
            f"spool_dir is set, but no column of the stream takes {' and '.join(missing)}. After a crash up "
            "to 1 MB of rows is sent twice, and nothing in the table will tell the copies. Add the columns "
            "InstanceId (string) and Seq (long) to stream and table.",
            ConfigWarning,
            stacklevel=2,
        )


def _choose_destination(
    given: Mapping[str, Any], rule: Rule | None, *, is_needed: bool
) -> tuple[Endpoint | None, str]:
    if not is_needed:
        return None, given.get("rule_id", "")
    url = given.get("endpoint") or (rule.endpoint if rule else None)
    rule_id = given.get("rule_id") or (rule.immutable_id if rule else None)
    if not url or not rule_id:
        missing = "endpoint" if not url else "rule_id"
        names = ", ".join(f"{option} ({variable})" for option, variable in OFFICIAL_NAMES.items())
        raise ConfigError(
            f"{missing} is not set. The handler needs {names}, as an argument or in the environment; "
            "or set enabled=False (DCRLOG_ENABLED=false) to switch it off."
        )
    for name, value in (("endpoint", url), ("rule_id", rule_id)):
        if not isinstance(value, str):
            raise ConfigError(f"{name} must be text, got {shown(value)}.")
    check_rule_id(rule_id)
    return parse_endpoint(url, given.get("audience")), rule_id


def read_rule(setting: Any) -> Rule | None:
    """Read the rule that a `rule` setting names, or is.

    Raises:
        ConfigError: It cannot be read, or is no rule.
    """
    if setting is None or isinstance(setting, Rule):
        return setting
    if isinstance(setting, Mapping):
        return _warned(Rule.parse(setting))
    if not isinstance(setting, str | os.PathLike):
        raise ConfigError(
            f"rule must be the path of a rule's JSON file or its parsed content, got {shown(setting)}."
        )
    return _warned(read_rule_file(setting))


def _warned(rule: Rule) -> Rule:
    for remark in rule.remarks:
        warnings.warn(remark, ConfigWarning, stacklevel=2)
    return rule


def _resolve_preset(columns: Any, defaults: Defaults) -> tuple[Any, Defaults, str]:
    """Return `columns`, the default columns and the default stream's name; a preset stands for all three."""
    if not isinstance(columns, str) or columns == "request":
        return columns, defaults, DEFAULT_STREAM_NAME
    # Not above: few ask for one, and the tables take 10 ms to read.
    from dcrlog._presets import find_preset, is_otel

    preset = find_preset(columns)
    return None, preset.defaults(is_otel=is_otel(defaults)), preset.stream_name


def _choose_stream(rule: Rule | None, name: Any, default: str) -> tuple[str, Stream | None]:
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"stream_name must be text, got {shown(name)}.")
    if rule is None:
        check_stream_name(name or default)
        return name or default, None
    if not name and len(rule.streams) > 1:
        raise ConfigError(
            f"the rule declares several streams; set stream_name to one of {', '.join(rule.streams)}."
        )
    stream = rule.stream(name or next(iter(rule.streams)))
    check_stream_path(stream.name)
    return stream.name, stream
