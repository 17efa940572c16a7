"""What stands around the handler in a dictConfig: whether records reach it, and whether logging takes it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from dcrlog.cli.doctoring.finding import Finding, State
from dcrlog.errors import shown

STEP: Final = "settings"


def check_around(config: Mapping[str, Any], origin: str, name: str) -> Iterator[Finding]:
    """Find out what keeps records from the handler of that name, or logging from making it."""
    if config.get("version") != 1:
        yield Finding(
            STEP,
            State.FAIL,
            f'{origin}: "version" is {shown(config.get("version"))}, so logging refuses it',
            'Write "version": 1, the only one there is.',
        )
    entry = config["handlers"][name]
    missing = [("formatters", entry.get("formatter"))]
    missing += [("filters", each) for each in _names(entry.get("filters"))]
    for section, wanted in missing:
        if isinstance(wanted, str) and wanted not in _section(config, section):
            yield Finding(
                STEP,
                State.FAIL,
                f"{origin}: the handler {name!r} names {shown(wanted)}, which {section!r} does not have",
                f"Add it to {section!r}, or leave it out of the handler.",
            )
    loggers = {"root": config.get("root"), **_section(config, "loggers")}
    used = {each for logger in loggers.values() for each in _names(written(logger, "handlers"))}
    if name not in _reached(_section(config, "handlers"), used):
        yield Finding(
            STEP,
            State.FAIL,
            f"{origin}: no logger has the handler {name!r}, so no record reaches it",
            f'Add it to the handlers of \'root\', or of a logger: "root": {{"handlers": ["{name}"]}}.',
        )


def _reached(handlers: Mapping[str, Any], used: set[str]) -> set[str]:
    """Add the handlers to which others hand on: a QueueHandler's, and the target of a MemoryHandler."""
    reached: set[str] = set()
    waiting = list(used)
    while waiting:
        each = waiting.pop()
        if each in reached or each not in handlers:
            continue
        reached.add(each)
        waiting += [
            *_names(written(handlers[each], "handlers")),
            *_names([written(handlers[each], "target")]),
        ]
    return reached


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}


def written(entry: Any, key: str) -> Any:
    """Return what stands in an entry as it is written; None where it has none, or is none.

    Its own `get` would import what `ext://` names.
    """
    return dict.get(entry, key) if isinstance(entry, dict) else None


def _names(listed: Any) -> Iterable[str]:
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list | tuple) else []
