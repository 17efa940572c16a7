"""Datetimes and timespans as integers of 100 ns, which Python's own types cannot hold.

A datetime is the number of ticks since midnight of 0001-01-01, a timespan just a number of ticks.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

MICROSECOND: Final = 10
MILLISECOND: Final = 10_000
SECOND: Final = 10_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

MAX_DATETIME: Final = 3_155_378_975_999_999_999
"""The last tick of the year 9999."""
MAX_TIMESPAN: Final = (1 << 63) - 1

_MAX_LENGTH: Final = 64
_MAX_OFFSET: Final = 14 * HOUR
_ORIGIN: Final = datetime(1, 1, 1)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK: Final = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?"
)
_ZONE: Final = r"(?: ?(?P<zone>Z|z|GMT|UTC|[+-]\d{2}(?::?\d{2})?))?"
_ISO: Final = (
    r"(?P<year>\d{4})(?P<dash>[/-])(?P<month>\d{1,2})(?P=dash)(?P<day>\d{1,2})"
    rf"(?:[T ]{_CLOCK})?{_ZONE}"
)
_AMERICAN: Final = (
    r"(?P<month>\d{1,2})(?P<dash>[/-])(?P<day>\d{1,2})(?P=dash)(?P<year>\d{4})"
    rf"(?: {_CLOCK})?{_ZONE}"
)
_MAIL: Final = (
    r"(?:[A-Za-z]{3,9}, )?(?P<day>\d{1,2})(?P<dash>[ -])(?P<name>[A-Za-z]{3})(?P=dash)(?P<year>\d{4}|\d{2})"
    rf" {_CLOCK}{_ZONE}"
)
_FORMS: Final = [re.compile(form, re.ASCII) for form in (_ISO, _AMERICAN, _MAIL)]
_TIMESPAN: Final = re.compile(
    r"(?P<sign>-?)(?:(?P<days>\d{1,8})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?",
    re.ASCII,
)
_DAYS: Final = re.compile(r"-?\d{1,8}", re.ASCII)
_AMOUNT: Final = re.compile(r"(-?\d{1,30}(?:\.\d{1,30})?) ?([a-z]+)", re.ASCII)
_UNITS: Final[dict[str, int | Decimal]] = {
    "d": DAY, "day": DAY, "days": DAY,
    "h": HOUR, "hr": HOUR, "hrs": HOUR, "hour": HOUR, "hours": HOUR,
    "m": MINUTE, "min": MINUTE, "minute": MINUTE, "minutes": MINUTE,
    "s": SECOND, "sec": SECOND, "second": SECOND, "seconds": SECOND,
    "ms": MILLISECOND, "milli": MILLISECOND, "millis": MILLISECOND, "millisec": MILLISECOND,
    "millisecond": MILLISECOND, "milliseconds": MILLISECOND,
    "micro": MICROSECOND, "micros": MICROSECOND, "microsec": MICROSECOND, "microsecond": MICROSECOND,
    "microseconds": MICROSECOND,
    "nano": Decimal("0.01"), "nanos": Decimal("0.01"), "nanosec": Decimal("0.01"),
    "nanosecond": Decimal("0.01"), "nanoseconds": Decimal("0.01"),
    "tick": 1, "ticks": 1,
}  # fmt: skip


def parse_datetime(text: str) -> int | None:
    """Read a datetime in the documented formats; digits below 100 ns are cut off."""
    # The rows of a batch share few different seconds, so that the usual form is a look-up.
    if text[19:20] == "." and text[-1] == "Z" and (fraction := text[20:-1]).isdigit() and fraction.isascii():
        whole = _whole_second(text[:19])
        if whole is not None:
            return whole + int(f"{fraction[:7]:0<7}")
    return _whole_second(text) if len(text) <= _MAX_LENGTH else None


@lru_cache(4096)
def _whole_second(text: str) -> int | None:
    text = text.strip()
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _from_parts(found.groupdict())
    return None


def _from_parts(parts: dict[str, str | None]) -> int | None:
    year, name = int(parts["year"] or 0), parts.get("name")
    if len(parts["year"] or "") == 2:
        year += 2000 if year < 50 else 1900
    if name is not None and name.lower() not in _MONTHS:
        return None
    month = int(parts["month"] or 0) if name is None else _MONTHS.index(name.lower()) + 1
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if parts["half"] in "pP" else 0)
    try:
        moment = datetime(
            year, month, int(parts["day"] or 0), hour, int(parts["minute"] or 0), int(parts["second"] or 0)
        )
    except ValueError:
        return None
    offset = _offset(parts["zone"])
    if offset is None:
        return None
    return in_datetime(from_datetime(moment) + int(f"{(parts['fraction'] or '')[:7]:0<7}") - offset)


def _offset(zone: str | None) -> int | None:
    if zone is None or zone[0] not in "+-":
        return 0
    minutes = int(zone[3:].lstrip(":") or 0)
    ticks = int(zone[1:3]) * HOUR + minutes * MINUTE
    if minutes > 59 or ticks > _MAX_OFFSET:
        return None
    return -ticks if zone[0] == "-" else ticks


def format_datetime(ticks: int) -> str:
    """Write a datetime as KQL does: ISO 8601, seven digits, Z."""
    seconds, fraction = divmod(ticks, SECOND)
    return f"{_second_text(seconds)}.{fraction:07d}Z"


@lru_cache(4096)
def _second_text(seconds: int) -> str:
    return (_ORIGIN + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def to_datetime(ticks: int) -> datetime:
    """Return a naive datetime in UTC, without the seventh digit."""
    return _ORIGIN + timedelta(microseconds=ticks // 10)


def from_datetime(moment: datetime) -> int:
    """Return the ticks of a datetime; a naive one is in UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    past = moment - _ORIGIN
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds * MICROSECOND


def parse_timespan(text: str) -> int | None:
    """Read a timespan: [-][d.]hh:mm[:ss[.fffffff]], a number of days, or a literal such as 5m."""
    text = text[:_MAX_LENGTH].strip()
    if found := _TIMESPAN.fullmatch(text):
        part = found.groupdict()
        hours, minutes, seconds = (int(part[name] or 0) for name in ("hours", "minutes", "seconds"))
        if hours > 23 or minutes > 59 or seconds > 59:
            return None
        ticks = int(part["days"] or 0) * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND
        ticks += int(f"{part['fraction'] or '':0<7}")
        return in_timespan(-ticks if part["sign"] else ticks)
    if _DAYS.fullmatch(text):
        return in_timespan(int(text) * DAY)
    return parse_amount(text)


def parse_amount(text: str) -> int | None:
    """Read a number with a unit, as in 1.5h or 10 seconds."""
    found = _AMOUNT.fullmatch(text)
    unit = _UNITS.get(found[2]) if found else None
    return None if found is None or unit is None else in_timespan(int(Decimal(found[1]) * unit))


def in_timespan(ticks: int) -> int | None:
    """Return ticks that a timespan can hold, else None."""
    return ticks if -MAX_TIMESPAN - 1 <= ticks <= MAX_TIMESPAN else None


def in_datetime(ticks: int) -> int | None:
    """Return ticks that a datetime can hold, else None."""
    return ticks if 0 <= ticks <= MAX_DATETIME else None


def format_timespan(ticks: int) -> str:
    """Write a timespan as KQL does: [-][d.]hh:mm:ss[.fffffff]."""
    sign = "-" if ticks < 0 else ""
    seconds, fraction = divmod(abs(ticks), SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    head = f"{days}." if days else ""
    tail = f".{fraction:07d}" if fraction else ""
    return f"{sign}{head}{hour:02d}:{minute:02d}:{second:02d}{tail}"
