"""The handler's options, from where an application has them: flags, a dictConfig, Django's settings."""

import json
import logging.config
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from dcrlog._environment import resolve
from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.errors import ConfigError, shown
from dcrlog.settings import OPTIONS

_OF_LOGGING = frozenset({"class", "()", "formatter", "filters", ".", "sender", "clock"})


@dataclass(frozen=True, slots=True)
class Options:
    """What the handler would be made with.

    Attributes:
        given: Its arguments.
        origin: Where they are from, in words.
        findings: What is wrong with the configuration around them.
    """

    given: dict[str, Any]
    origin: str
    findings: list[Finding] = field(default_factory=list)


def read_django(module: str, handler: str | None) -> Options:
    """Read `LOGGING` of a settings module, which is imported as Django would.

    Raises:
        ConfigError: It cannot be imported, or has no handler of ours.
    """
    with _importing(f"the settings module {shown(module)}", " Run the command where manage.py is."):
        settings = import_module(module)
    config = getattr(settings, "LOGGING", None)
    if not isinstance(config, Mapping):
        raise ConfigError(f"the settings module {shown(module)} has no LOGGING. Add it, as in the README.")
    return _read(config, f"LOGGING of {module}", handler)


def read_dict_config(where: str, handler: str | None) -> Options:
    """Read the dictionary that goes into `logging.config.dictConfig`.

    Args:
        where: A JSON file, or `package.module:NAME`.
        handler: The handler's name, where there are several.

    Raises:
        ConfigError: It cannot be read, or has no handler of ours.
    """
    path = Path(where)
    if path.suffix == ".json" or path.is_file():
        try:
            config = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"the file {shown(where)} is no dictConfig in JSON: {error}.") from None
    else:
        with _importing(shown(where)):
            config = resolve(where)
    if not isinstance(config, Mapping):
        raise ConfigError(f"{shown(where)} is no dictionary for dictConfig.")
    return _read(config, where, handler)


@contextmanager
def _importing(what: str, advice: str = "") -> Iterator[None]:
    """Let modules of the working directory be imported, as where the application is started there."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    except Exception as error:  # a module of the user's may raise anything
        raise ConfigError(f"{what} cannot be imported: {type(error).__name__}: {error}.{advice}") from None
    finally:
        sys.path.remove(here)


def _read(config: Mapping[str, Any], origin: str, handler: str | None) -> Options:
    # As dictConfig itself: its dictionaries resolve ext:// and cfg:// when they are read by key.
    converted = logging.config.BaseConfigurator(dict(config)).config
    handlers = converted.get("handlers") or {}
    ours = [name for name in handlers if _is_ours(handlers[name])]
    if handler is None and len(ours) > 1:
        raise ConfigError(
            f"{origin} has several handlers of dcrlog: add --handler, one of {', '.join(ours)}."
        )
    name = handler or next(iter(ours), None)
    if name is None or name not in handlers:
        raise ConfigError(
            f"{origin} has no handler {shown(name) if name else 'of the class dcrlog.LogsIngestionHandler'}. "
            f"It has: {', '.join(handlers) or 'none'}."
        )
    entry = handlers[name]
    try:
        given = {key: entry[key] for key in entry if key not in _OF_LOGGING}
    except Exception as error:  # what ext:// names is the user's, too
        raise ConfigError(f"{origin}: the handler {name!r} cannot be made: {error}.") from None
    findings = [
        Finding(
            "settings",
            State.FAIL,
            f"{origin}: the handler {name!r} has no option {shown(key)}",
            "Leave it out.",
        )
        for key in given.keys() - OPTIONS
    ]
    findings += _attachment(converted, origin, name)
    known = {key: value for key, value in given.items() if key in OPTIONS}
    return Options(known, f"handler {name!r} of {origin}", findings)


def _is_ours(entry: Any) -> bool:
    made_by = entry.get("class") or entry.get("()") if isinstance(entry, Mapping) else None
    told = made_by if isinstance(made_by, str) else getattr(made_by, "__name__", "")
    return told.rpartition(".")[2] == "LogsIngestionHandler"


def _attachment(config: Mapping[str, Any], origin: str, name: str) -> Iterator[Finding]:
    loggers = {"root": config.get("root"), **(config.get("loggers") or {})}
    users = [logger for logger, entry in loggers.items() if entry and name in (entry.get("handlers") or ())]
    if not users:
        yield Finding(
            "settings",
            State.FAIL,
            f"{origin}: no logger has the handler {name!r}, so no record reaches it",
            f'Add it to the handlers of \'root\', or of a logger: "root": {{"handlers": ["{name}"]}}.',
        )
