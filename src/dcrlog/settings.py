"""Frozen settings. The environment is read here and nowhere else."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from dcrlog._endpoint import Endpoint, check_rule_id, parse_endpoint
from dcrlog._environment import OFFICIAL_NAMES, level_number, read_options
from dcrlog._mapping import DEFAULT_STREAM_NAME, DEFAULTS, Defaults, MappedColumn, map_columns
from dcrlog._redact import Redact, make_redactor
from dcrlog._rule_file import read_rule_file
from dcrlog.errors import ConfigError, ConfigWarning, shown
from dcrlog.rules import Rule
from dcrlog.schema import Stream, check_stream_name, check_stream_path
from dcrlog.stats import DropReason

MIB: Final = 1024 * 1024
_LONGEST: Final = 365 * 86_400.0
CREDENTIAL_NAMES: Final = ("default", "managed_identity", "workload_identity", "environment", "azure_cli")

_Choice = TypeVar("_Choice", bound=StrEnum)
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
        credential: A TokenCredential, one of `CREDENTIAL_NAMES`, or `{"()": factory, ...}`.
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
    credential: Any = field(repr=False)
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
    given = read_options(os.environ if environment is None else environment)
    given |= {name: value for name, value in options.items() if value is not None}
    enabled = _boolean(given, "enabled", default=True)
    rule = read_rule(given.get("rule")) if enabled else None
    preset = _preset(given, defaults)
    if preset is not None:
        defaults, default_stream_name = preset
        given.pop("columns")
    else:
        default_stream_name = DEFAULT_STREAM_NAME
    stream_name, stream = _choose_stream(rule, given.get("stream_name"), default_stream_name)
    endpoint, rule_id = (
        _destination(given, rule) if enabled and needs_endpoint else (None, given.get("rule_id", ""))
    )
    spool_dir = _directory(given.get("spool_dir"))
    columns = map_columns(stream, given.get("columns"), defaults) if enabled else ()
    if spool_dir is not None and enabled:
        _warn_without_identity(columns)
    return Settings(
        endpoint=endpoint,
        rule_id=rule_id,
        stream_name=stream_name,
        credential=_credential(given.get("credential", "default")),
        columns=columns,
        enabled=enabled,
        level=level_number(given.get("level", 0)),
        capacity=_integer(given, "capacity", 64 * MIB, least=2 * MIB, unit="bytes"),
        flush_interval=_seconds(given, "flush_interval", 1.0, least=0.01),
        close_timeout=_seconds(given, "close_timeout", 5.0),
        on_full=_choice(given, "on_full", OnFull.DROP_NEWEST),
        block_timeout=_seconds(given, "block_timeout", 10.0),
        max_senders=_integer(given, "max_senders", 8, least=1, most=64, unit="threads"),
        redact=make_redactor(given.get("redact")),
        on_drop=_callable(given, "on_drop"),
        account_rows=_choice(given, "account_rows", AccountRows.LOSSES),
        spool_dir=spool_dir,
        spool_capacity=_integer(given, "spool_capacity", 1024 * MIB, least=8 * MIB, unit="bytes"),
        fsync=_boolean(given, "fsync", default=False),
        flush_on_sigterm=_boolean(given, "flush_on_sigterm", default=False),
    )


def _warn_without_identity(columns: tuple[MappedColumn, ...]) -> None:
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


def _destination(given: Mapping[str, Any], rule: Rule | None) -> tuple[Endpoint, str]:
    url = given.get("endpoint") or (rule.endpoint if rule else None)
    rule_id = given.get("rule_id") or (rule.immutable_id if rule else None)
    if not url or not rule_id:
        missing = "endpoint" if not url else "rule_id"
        names = ", ".join(f"{option} ({variable})" for option, variable in OFFICIAL_NAMES.items())
        raise ConfigError(
            f"{missing} is not set. The handler needs {names}, as an argument or in the environment; "
            "or set enabled=False to switch it off."
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


def _preset(given: Mapping[str, Any], defaults: Defaults) -> tuple[Defaults, str] | None:
    """Return the columns and the stream's name that a preset stands for, where `columns` names one."""
    name = given.get("columns")
    if not isinstance(name, str) or name == "request":
        return None
    # Not above: few ask for one, and the tables take 10 ms to read.
    from dcrlog._presets import find_preset, is_otel

    preset = find_preset(name)
    return preset.defaults(is_otel=is_otel(defaults)), preset.stream_name


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


def _credential(setting: Any) -> Any:
    is_named = isinstance(setting, str) and setting in CREDENTIAL_NAMES
    is_made = isinstance(setting, Mapping) and "()" in setting
    if is_named or is_made or hasattr(setting, "get_token"):
        return setting
    # The value is not repeated: it may be a secret that was meant for somewhere else.
    raise ConfigError(
        f"credential must be a TokenCredential, one of {', '.join(map(repr, CREDENTIAL_NAMES))}, or "
        f'{{"()": "package.factory", ...}}, got a value of type {type(setting).__name__}.'
    )


def _choice(given: Mapping[str, Any], name: str, default: _Choice) -> _Choice:
    value = given.get(name, default)
    try:
        return type(default)(value)
    except ValueError:
        known = ", ".join(repr(str(member)) for member in type(default))
        raise ConfigError(f"{name} must be one of {known}, got {shown(value)}.") from None


def _boolean(given: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, got {shown(value)}.")
    return value


def _integer(
    given: Mapping[str, Any], name: str, default: int, *, least: int, most: int | None = None, unit: str
) -> int:
    value = given.get(name, default)
    if type(value) is not int or value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{name} must be a whole number of {unit}, {limits}, got {shown(value)}.")
    return value


def _seconds(given: Mapping[str, Any], name: str, default: float, *, least: float = 0.0) -> float:
    value = given.get(name, default)
    # Compared before it becomes a float: an int may be too large for one.
    if type(value) not in {int, float} or not least <= value <= _LONGEST:
        raise ConfigError(f"{name} must be seconds, from {least} to {_LONGEST}, got {shown(value)}.")
    return float(value)


def _directory(value: Any) -> Path | None:
    if value is None:
        return None
    if (
        not isinstance(value, str | os.PathLike)
        or not str(value)
        or "\0" in str(value)
        or not isinstance(os.fspath(value), str)
    ):
        raise ConfigError(f"spool_dir must be the path of a directory, got {shown(value)}.")
    # The working directory may change, and rows must not be looked for elsewhere then.
    return Path(value).absolute()


def _callable(given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    if value is not None and not callable(value):
        raise ConfigError(f"{name} must be callable, got {shown(value)}.")
    return value
