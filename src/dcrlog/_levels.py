"""A stdlib level in the words and numbers of other systems. Pure."""

from collections.abc import Callable
from typing import Final

_SYSLOG: Final = (
    (20, "debug"), (25, "info"), (30, "notice"), (40, "warning"), (50, "err"), (60, "crit"), (70, "alert"),
)  # fmt: skip
_NUMBERS_A_LEVEL: Final = 4
_MOST_SEVERE: Final = 24


def syslog_severity(level: int) -> str:
    """Return the keyword of a severity of syslog: INFO is `info`, 25 is `notice`, ERROR is `err`."""
    return next((word for below, word in _SYSLOG if level < below), "emerg")


def windows_level(level: int) -> int:
    """Return the level of a Windows event: 1 for CRITICAL and above, to 5 for DEBUG and below."""
    return 5 - min(max(level // 10 - 1, 0), 4)


def windows_level_name(level: int) -> str:
    """Return the name of a Windows event's level."""
    return ("Critical", "Error", "Warning", "Information", "Verbose")[windows_level(level) - 1]


def cef_severity(level: int) -> str:
    """Return the severity of the Common Event Format, 0 to 10: DEBUG is 1, WARNING 6, CRITICAL 10."""
    return ("1", "3", "6", "8", "10")[5 - windows_level(level)]


def severity_number(level: int) -> int:
    """Return the severity number of OpenTelemetry, as its handler maps levels; 1 to 4 below DEBUG."""
    if level < 10:
        return min(max(level, 1), _NUMBERS_A_LEVEL)
    # Each level has four numbers, and ten values in Python: those after the fourth share its number.
    return min(level // 10 * _NUMBERS_A_LEVEL + 1 + min(level % 10, _NUMBERS_A_LEVEL - 1), _MOST_SEVERE)


LEVEL_FIELDS: Final[dict[str, Callable[[int], object]]] = {
    "cef_severity": cef_severity,
    "severity_number": severity_number,
    "syslog_severity": syslog_severity,
    "windows_level": windows_level,
    "windows_level_name": windows_level_name,
}
"""Fields that follow from a record's level alone."""
