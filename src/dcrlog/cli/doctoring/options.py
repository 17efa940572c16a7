"""The handler's options, from where an application has them: a dictConfig, or Django's settings."""

import json
import logging.config
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from dcrlog._environment import resolve
from dcrlog.cli.doctoring.attached import check_around, written
from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.errors import ConfigError, shown
from dcrlog.handler import LogsIngestionHandler
from dcrlog.settings import OPTIONS

_OF_LOGGING: Final = frozenset({"class", "()", "formatter", "filters", ".", "sender", "clock"})
_YAML: Final = frozenset({".yaml", ".yml"})


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
    advice = " Write it as DJANGO_SETTINGS_MODULE has it, and run the command where manage.py is."
    with _importing(f"the settings module {shown(module)}", advice):
        settings = import_module(module)
    config = getattr(settings, "LOGGING", None)
    if not isinstance(config, Mapping):
        raise ConfigError(f"the settings module {shown(module)} has no LOGGING. Add it, as in the README.")
    return _read(config, f"LOGGING of {module}", handler)


def read_dict_config(where: str, handler: str | None) -> Options:
    """Read the dictionary that goes into `logging.config.dictConfig`.

    Args:
        where: A JSON or YAML file, or `package.module:NAME`.
        handler: The handler's name, where there are several.

    Raises:
        ConfigError: It cannot be read, or has no handler of ours.
    """
    path = Path(where)
    if path.suffix == ".py":
        raise ConfigError(f"{shown(where)} is a module. Name the dictionary in it: {path.stem}:NAME.")
    if path.suffix in {".json", *_YAML} or path.is_file():
        config = _load(path)
    else:
        with _importing(shown(where), " Write a file's name, or package.module:NAME."):
            config = resolve(where)
    if not isinstance(config, Mapping):
        raise ConfigError(f"{shown(where)} is no dictionary for dictConfig, but {shown(config)}. Give one.")
    return _read(config, where, handler)


def _load(path: Path) -> Any:
    name = shown(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the file {name} cannot be read: {error.strerror}.") from None
    if path.suffix not in _YAML:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"the file {name} is no dictConfig in JSON: {error}.") from None
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        raise ConfigError(f"the file {name} is YAML, which needs PyYAML: pip install pyyaml.") from None
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"the file {name} is no dictConfig in YAML: {told}.") from None


@contextmanager
def _importing(what: str, advice: str = "") -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:  # a module of the user's may raise anything
        raise ConfigError(f"{what} cannot be imported: {type(error).__name__}: {error}.{advice}") from None


def _read(config: Mapping[str, Any], origin: str, handler: str | None) -> Options:
    # As dictConfig itself: its dictionaries resolve ext:// and cfg:// when they are read by key.
    converted: Mapping[str, Any] = logging.config.BaseConfigurator(dict(config)).config
    handlers = converted.get("handlers") or {}
    if not isinstance(handlers, Mapping):
        told = shown(config["handlers"])
        raise ConfigError(f'{origin}: "handlers" must map names to handlers, got {told}.')
    name = _choose(handlers, origin, handler)
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
            f"Leave it out. There are: {', '.join(sorted(OPTIONS))}.",
        )
        for key in given.keys() - OPTIONS
    ]
    findings += check_around(converted, origin, name)
    known = {key: value for key, value in given.items() if key in OPTIONS}
    return Options(known, f"handler {name!r} of {origin}", findings)


def _choose(handlers: Mapping[str, Any], origin: str, handler: str | None) -> str:
    ours = [name for name in handlers if _is_ours(handlers[name])]
    if handler is None and len(ours) > 1:
        raise ConfigError(
            f"{origin} has several handlers of dcrlog: add --handler, one of {', '.join(map(str, ours))}."
        )
    # What a factory makes, only the application knows.
    may_be = [name for name in handlers if name in ours or written(handlers[name], "()")]
    name = handler or next(iter(ours), None)
    if name is None or name not in may_be:
        wanted = f"{shown(name)} " if name else ""
        raise ConfigError(
            f"{origin} has no handler {wanted}of the class dcrlog.LogsIngestionHandler. "
            f"It has: {', '.join(map(str, handlers)) or 'none'}."
        )
    return name


def _is_ours(entry: Any) -> bool:
    made_by = written(entry, "class") or written(entry, "()")
    if isinstance(made_by, str):
        with suppress(Exception, SystemExit):  # another handler's module is not what is looked at
            made_by = resolve(made_by.removeprefix("ext://"))
    return isinstance(made_by, type) and issubclass(made_by, LogsIngestionHandler)
