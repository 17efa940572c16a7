"""A filter that thins records out: by level, by logger, and whole traces at a time."""

import bisect
import logging
import random
import threading
import weakref
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from dcrlog import _fields, context
from dcrlog._environment import level_number
from dcrlog._forking import RENEWALS
from dcrlog._values import text
from dcrlog.errors import ConfigError, shown

_draw: Final = random.SystemRandom().random
"""Neither the application's own sequence, which may be seeded, nor one that the children of a fork share."""

_WHOLE: Final = float(2**64)


class Sample(logging.Filter):
    """Lets a share of the records pass, and every error.

    It goes on a handler, or on a logger for what is logged with that very logger. Records that belong to a
    trace are decided by its id: at one rate either all of them pass or none, in every process, and what
    passes at a low rate passes at each higher one. The id is that of the current OpenTelemetry span, else
    the extra `trace_id`, else what `dcrlog.context` has bound under that name. Any other record is decided
    by chance. A record that cannot be read passes.

    Args:
        rates: Shares from 0 to 1, by level (`"DEBUG"`, in any case, or its number) or by logger, with the
            loggers below it; `"root"` is the root logger alone. The longest name of a logger that fits
            counts; where none fits, the level. A level's rate holds for less important levels too, down to
            the next one that is named.
        keep: Records of this level and above always pass; None for none.
        default: The rate of all other records.

    Raises:
        ConfigError: A rate is no number from 0 to 1, or `rates` or `keep` has another shape.
    """

    def __init__(
        self,
        rates: Mapping[str | int, float] | None = None,
        *,
        keep: int | str | None = "ERROR",
        default: float = 1.0,
    ) -> None:
        super().__init__()
        if rates is None:
            rates = {}
        if not isinstance(rates, Mapping):
            raise ConfigError(
                'Sample: rates must be a mapping such as {"DEBUG": 0.1, "noisy.logger": 0.01}, got '
                f"{shown(rates)}."
            )
        self._default = _rate("default", default)
        self._keep = float("inf") if keep is None else level_number(keep)
        self._loggers: dict[str, float] = {}
        by_level: dict[int, float] = {}
        for key in rates:
            rate = _rate(f"rates[{shown(key)}]", rates[key])
            if type(key) is int:
                by_level[key] = rate
            elif not isinstance(key, str) or not key:
                raise ConfigError(
                    f"Sample: rates are by level or by the name of a logger; {shown(key)} is neither."
                )
            elif key.upper() in logging.getLevelNamesMapping():
                by_level[level_number(key)] = rate
            elif key.isdecimal():
                raise ConfigError(f"Sample: write the level {key} as a number, not as text, in rates.")
            else:
                self._loggers[key] = rate
        self._levels = sorted(by_level)
        self._level_rates = [by_level[level] for level in self._levels]
        self._renew()
        _known.add(self)

    @property
    def kept(self) -> int:
        """How many records have passed, errors included; begins at zero after a fork."""
        return self._kept

    @property
    def left_out(self) -> int:
        """How many records have not passed."""
        return self._left_out

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes. Raises nothing, and leaves the record as it is."""
        try:
            passes = self._passes(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            passes = True
        with self._counting:
            if passes:
                self._kept += 1
            else:
                self._left_out += 1
        return passes

    def _passes(self, record: logging.LogRecord) -> bool:
        # Whatever is no whole number or no text raises here, before it is compared with anything.
        level, name = int.__int__(record.levelno), str.__str__(record.name)
        if level >= self._keep:
            return True
        rate = self._rate_of(level, name)
        if rate >= 1.0:
            return True
        if rate <= 0.0:
            return False
        trace = _trace_of(record)
        return (_draw() if trace is None else _place_of(trace)) < rate

    def _rate_of(self, level: int, name: str) -> float:
        while name and self._loggers:
            if name in self._loggers:
                return self._loggers[name]
            name = name.rpartition(".")[0]
        number = bisect.bisect_left(self._levels, level)
        return self._level_rates[number] if number < len(self._levels) else self._default

    def _renew(self) -> None:
        # Re-entrant, for a signal handler that logs.
        self._counting = threading.RLock()
        self._kept = self._left_out = 0


_known: Final[weakref.WeakSet[Sample]] = weakref.WeakSet()


def _renew_all() -> None:
    for sample in list(_known):
        sample._renew()  # noqa: SLF001


RENEWALS.append(_renew_all)


def _rate(name: str, value: Any) -> float:
    # NaN fails both comparisons.
    if type(value) not in {int, float} or not 0.0 <= value <= 1.0:
        raise ConfigError(f"Sample: {name} must be a number from 0 to 1, got {shown(value)}.")
    return float(value)


def _trace_of(record: logging.LogRecord) -> str | None:
    found = _fields.read_trace_id(record)
    if found is None:
        found = context.current().get("trace_id")
    # An id that another writes in capitals is the same.
    return text(found).lower() if found else None


def _place_of(trace: str) -> float:
    """Return where a trace stands between 0 and 1, the same in every process and on every machine."""
    digest = blake2b(trace.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest) / _WHOLE
