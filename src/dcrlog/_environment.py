"""Options as text: how each is written in an environment variable.

Pure: the mapping of variables is an argument.
"""

import json
import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from dcrlog.errors import ConfigError, shown

PREFIX: Final = "DCRLOG_"
OFFICIAL_NAMES: Final = {
    "endpoint": "DATA_COLLECTION_ENDPOINT",
    "rule_id": "LOGS_DCR_RULE_ID",
    "stream_name": "LOGS_DCR_STREAM_NAME",
}
"""The names that the samples of azure-monitor-ingestion use."""

_WORDS: Final = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


def _boolean(value: str) -> bool:
    try:
        return _WORDS[value.strip().lower()]
    except KeyError:
        raise ValueError("write true or false") from None


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError("write a whole number") from None


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError("write a number") from None


def _level(value: str) -> int | str:
    try:
        return int(value)
    except ValueError:
        return value.strip()


def _object(value: str) -> Any:
    """Read true or false, JSON, or the dotted path of something importable."""
    if value.lstrip().startswith(("{", "[", '"')):
        return json.loads(value)
    word = value.strip().lower()
    return _WORDS[word] if word in _WORDS else resolve(value.strip())


def _columns(value: str) -> Any:
    """Read a mapping as JSON, or the name of a preset."""
    return value.strip() if value.strip().isidentifier() else json.loads(value)


def _credential(value: str) -> Any:
    return json.loads(value) if value.lstrip().startswith("{") else value.strip()


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "endpoint": str.strip,
    "rule_id": str.strip,
    "stream_name": str.strip,
    "credential": _credential,
    "audience": str.strip,
    "columns": _columns,
    "rule": str,
    "enabled": _boolean,
    "level": _level,
    "capacity": _whole,
    "flush_interval": _number,
    "close_timeout": _number,
    "on_full": str.strip,
    "block_timeout": _number,
    "max_senders": _whole,
    "redact": _object,
    "on_drop": _object,
    "account_rows": str.strip,
    "spool_dir": str,
    "spool_capacity": _whole,
    "fsync": _boolean,
    "flush_on_sigterm": _boolean,
}


def read_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that the environment sets; an empty variable sets nothing.

    Raises:
        ConfigError: Names the variable, its value and what is wrong with it.
    """
    options = {}
    for option, read in _READERS.items():
        for variable in (PREFIX + option.upper(), OFFICIAL_NAMES.get(option)):
            value = environment.get(variable, "") if variable else ""
            if not value.strip():
                continue
            try:
                options[option] = read(value)
            except Exception as error:  # an import runs a module, which may raise anything
                # It may be a secret that was meant for somewhere else.
                told = f"{variable}={shown(value)}" if option != "credential" else f"what {variable} says"
                raise ConfigError(f"{told} cannot be read: {_reason(error)}.") from None
            break
    return options


def _reason(error: Exception) -> str:
    plain = type(error) in {ValueError, ImportError, ModuleNotFoundError, AttributeError}
    return str(error) if plain else f"{type(error).__name__}: {error}"


def resolve(path: str) -> Any:
    """Import what a dotted path names: `package.module.name` or `package.module:name`."""
    module, _, name = path.replace(":", ".").rpartition(".")
    if not module:
        raise ImportError(f"{path!r} is not a dotted path such as 'package.module.name'")
    return getattr(import_module(module), name)


def level_number(level: int | str) -> int:
    """Return the number of a level given by number or name.

    Raises:
        ConfigError: logging knows no such level.
    """
    names = logging.getLevelNamesMapping()
    number = names.get(level, names.get(level.upper())) if isinstance(level, str) else level
    if not isinstance(number, int) or isinstance(number, bool):
        raise ConfigError(f"level must be a number or a name such as 'INFO', got {shown(level)}.")
    return number
