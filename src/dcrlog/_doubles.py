"""Whether a record reaches one table twice: through two handlers, or through OpenTelemetry's beside one."""

import logging
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Final

from dcrlog.errors import ConfigWarning
from dcrlog.settings import Settings

_Destination = tuple[str, str, str]

HANDLERS: Final[MutableMapping[object, _Destination]] = weakref.WeakKeyDictionary()
"""Where the stdlib handlers of this process deliver to."""

OTEL: Final[MutableMapping[object, _Destination]] = weakref.WeakKeyDictionary()
"""Where its OpenTelemetry front ends do."""

_told: Final[set[_Destination]] = set()
_told_of_two: Final[set[_Destination]] = set()


def note(kind: MutableMapping[object, _Destination], front_end: object, settings: Settings) -> None:
    """Remember where a front end delivers to, for as long as it lives."""
    if settings.endpoint is not None:
        kind[front_end] = (settings.endpoint.url, settings.rule_id, settings.stream_name)


def warn_of_double_rows() -> None:
    """Warn, once for each destination and cause, where loggers deliver each record twice.

    Only what loggers have now counts: a handler that `dictConfig` has replaced may live on.
    """
    _warn_of_two_handlers()
    _warn_of_opentelemetry()


def _warn_of_two_handlers() -> None:
    # As an error the warning must not cost the record; and handlers may come and go meanwhile.
    with suppress(ConfigWarning, RuntimeError):
        several = {each for each, count in Counter(HANDLERS.values()).items() if count > 1} - _told_of_two
        if not several:
            return
        for logger in _loggers_with_handlers():
            ours = [handler for handler in _handlers_of(logger) if handler in HANDLERS]
            # With a filter on each of them, they may well share the records out.
            unfiltered = {HANDLERS[handler] for handler in ours if not handler.filters}
            reached = Counter(HANDLERS[handler] for handler in ours)
            for destination in several & unfiltered:
                if reached[destination] > 1 and destination not in _told_of_two:
                    _told_of_two.add(destination)
                    warnings.warn(
                        f"the logger {logger.name!r} delivers each record {reached[destination]} times to "
                        f"stream {destination[2]!r} of rule {destination[1]}: so many handlers of dcrlog are "
                        "on it and on the loggers above it. Remove all but one, or give each a filter.",
                        ConfigWarning,
                        stacklevel=2,
                    )


def _loggers_with_handlers() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    yield root
    for logger in list(root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:
            yield logger


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers that what is logged with a logger comes to."""
    here: logging.Logger | None = logger
    while here is not None:
        yield from tuple(here.handlers)
        here = here.parent if here.propagate else None


def _warn_of_opentelemetry() -> None:
    """Warn if the root logger has a handler of ours and OpenTelemetry's."""
    if not OTEL or not HANDLERS:
        return
    handlers = tuple(logging.getLogger().handlers)
    # As an error the warning must not cost the record; and front ends may come and go meanwhile.
    with suppress(ConfigWarning, RuntimeError):
        here = {HANDLERS[handler] for handler in handlers if handler in HANDLERS}
        there = {OTEL[end] for handler in handlers for end in _ends_of(handler) if end in OTEL}
        for destination in here & there - _told:
            _told.add(destination)
            warnings.warn(
                f"the root logger delivers each record twice to stream {destination[2]!r} of rule "
                f"{destination[1]}: through LogsIngestionHandler and through OpenTelemetry's handler. Remove "
                "one of them: the handler, or dcrlog from OTEL_LOGS_EXPORTER.",
                ConfigWarning,
                stacklevel=2,
            )


def _ends_of(handler: logging.Handler) -> Iterator[object]:
    """Yield the processors and exporters that OpenTelemetry's own handler passes records on to.

    By private names, of opentelemetry-sdk 1.39 to 1.45: where they are others, nothing is warned of.
    """
    provider = getattr(handler, "_logger_provider", None)
    several = getattr(provider, "_multi_log_record_processor", None)
    for processor in getattr(several, "_log_record_processors", ()):
        yield processor
        yield getattr(getattr(processor, "_batch_processor", processor), "_exporter", None)
