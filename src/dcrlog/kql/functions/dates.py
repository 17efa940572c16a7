"""Functions of datetimes and timespans."""

import calendar
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from dcrlog.kql import _ticks
from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._ticks import DAY, HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, in_datetime, in_timespan
from dcrlog.kql._typed import NOW, Const, Typed, apply
from dcrlog.kql._types import Type

_FAMILY = "Date and time"
_listed = partial(plain, family=_FAMILY)

_UNITS: Final = {
    "week": 7 * DAY, "day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND,
    "millisecond": MILLISECOND, "microsecond": MICROSECOND,
}  # fmt: skip
_MONTHS: Final = {"year": 12, "quarter": 3, "month": 1}
_PERIODS: Final = (*_MONTHS, *_UNITS, "nanosecond")
# 0001-01-01 was a Monday, and a week begins on Sunday.
_SUNDAY: Final = DAY


@lru_cache(1024)
def _day(day: int) -> datetime:
    return _ticks.to_datetime(day * DAY)


def _date(ticks: int) -> datetime:
    return _day(ticks // DAY)


def _first_of_month(year: int, month: int) -> int | None:
    """Return the first tick of a month, which may be any number of months after January."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return _ticks.from_datetime(datetime(year, month, 1)) if 1 <= year <= 9999 else None


@function("now(timespan?) -> datetime", family=_FAMILY, note="the same for all rows of a batch")
def now(call: Call) -> Typed:
    """Return the time."""
    if not call.arguments:
        return NOW
    return apply(
        lambda time, span: in_datetime(time + span), [NOW, *call.arguments], Type.DATETIME, may_fail=True
    )


@function("ago(timespan) -> datetime", family=_FAMILY)
def ago(call: Call) -> Typed:
    """Return an earlier time."""
    return apply(
        lambda time, span: in_datetime(time - span), [NOW, *call.arguments], Type.DATETIME, may_fail=True
    )


def _period(call: Call, known: tuple[str, ...]) -> str:
    period = call.arguments[0]
    text = period.value.lower() if isinstance(period, Const) else ""
    if text not in known:
        raise call.refuse(f"The expression must be one of the values: {', '.join(known)}", 0)
    return text


@function(
    "datetime_add(const, long, datetime) -> datetime", family=_FAMILY, note="the last day of a shorter month"
)
def datetime_add(call: Call) -> Typed:
    """Add a number of periods."""
    period = _period(call, _PERIODS)
    return apply(_adder(period), call.arguments[1:], Type.DATETIME, may_fail=True)


def _adder(period: str) -> Callable[[int, int], int | None]:
    if period in _MONTHS:
        months = _MONTHS[period]
        return lambda amount, ticks: _add_months(ticks, amount * months)
    if period == "nanosecond":
        return lambda amount, ticks: in_datetime(ticks + int(amount / 100))
    unit = _UNITS[period]
    return lambda amount, ticks: in_datetime(ticks + amount * unit)


def _add_months(ticks: int, months: int) -> int | None:
    date = _date(ticks)
    first = _first_of_month(date.year, date.month + months)
    if first is None:
        return None
    moved = _date(first)
    day = min(date.day, calendar.monthrange(moved.year, moved.month)[1])
    return first + (day - 1) * DAY + ticks % DAY


@function(
    "datetime_diff(const, datetime, datetime) -> long", family=_FAMILY, note="boundaries that are crossed"
)
def datetime_diff(call: Call) -> Typed:
    """Count the periods between two times."""
    return apply(_differ(_period(call, _PERIODS)), call.arguments[1:], Type.LONG)


def _differ(period: str) -> Callable[[int, int], int]:
    if period in _MONTHS:
        months = _MONTHS[period]
        return lambda one, other: _months(one) // months - _months(other) // months
    if period == "nanosecond":
        return lambda one, other: (one - other) * 100
    unit = _UNITS[period]
    shift = _SUNDAY if period == "week" else 0
    return lambda one, other: (one + shift) // unit - (other + shift) // unit


def _months(ticks: int) -> int:
    date = _date(ticks)
    return date.year * 12 + date.month - 1


def _week(ticks: int) -> int:
    """Number weeks from Sunday; the first of a year is the one with its first Wednesday."""
    sunday = (ticks + _SUNDAY) // (7 * DAY) * 7 * DAY - _SUNDAY
    wednesday = _date(min(sunday + 3 * DAY, _ticks.MAX_DATETIME))
    return (wednesday.timetuple().tm_yday - 1) // 7 + 1


_PARTS: Final[dict[str, Callable[[int], int]]] = {
    "year": lambda ticks: _date(ticks).year,
    "quarter": lambda ticks: (_date(ticks).month + 2) // 3,
    "month": lambda ticks: _date(ticks).month,
    "week_of_year": lambda ticks: _date(ticks).isocalendar().week,
    "weekofyear": _week,
    "day": lambda ticks: _date(ticks).day,
    "dayofyear": lambda ticks: _date(ticks).timetuple().tm_yday,
    "hour": lambda ticks: ticks % DAY // HOUR,
    "minute": lambda ticks: ticks % HOUR // MINUTE,
    "second": lambda ticks: ticks % MINUTE // SECOND,
    "millisecond": lambda ticks: ticks % SECOND // MILLISECOND,
    "microsecond": lambda ticks: ticks % SECOND // MICROSECOND,
    "nanosecond": lambda ticks: ticks % SECOND * 100,
}


@function("datetime_part(const, datetime) -> int", family=_FAMILY, note="week_of_year is ISO 8601's")
def datetime_part(call: Call) -> Typed:
    """Return a part of a time."""
    return apply(_PARTS[_period(call, tuple(_PARTS))], call.arguments[1:], Type.INT)


_listed("dayofmonth(datetime) -> int")(_PARTS["day"])
_listed("dayofyear(datetime) -> int")(_PARTS["dayofyear"])
_listed("getmonth(datetime) -> int")(_PARTS["month"])
_listed("getyear(datetime) -> int")(_PARTS["year"])
_listed("hourofday(datetime) -> int")(_PARTS["hour"])
_listed("weekofyear(datetime) -> int", note="not ISO 8601: the first week has the first Wednesday")(_week)


@_listed("dayofweek(datetime) -> timespan", note="days since Sunday")
def dayofweek(ticks: int) -> int:
    """Return how long ago Sunday was, in whole days."""
    return (ticks + _SUNDAY) // DAY % 7 * DAY


def _start_of_day(ticks: int, offset: int = 0) -> int:
    return (ticks // DAY + offset) * DAY


def _start_of_week(ticks: int, offset: int = 0) -> int:
    return ((ticks + _SUNDAY) // (7 * DAY) + offset) * 7 * DAY - _SUNDAY


def _start_of_month(ticks: int, offset: int = 0) -> int | None:
    date = _date(ticks)
    return _first_of_month(date.year, date.month + offset)


def _start_of_year(ticks: int, offset: int = 0) -> int | None:
    return _first_of_month(_date(ticks).year + offset, 1)


def _register_edges(period: str, start: Callable[[int, int], int | None]) -> None:
    def start_of(ticks: int, offset: int = 0) -> int | None:
        found = start(ticks, offset)
        return None if found is None else in_datetime(found)

    def end_of(ticks: int, offset: int = 0) -> int | None:
        found = start(ticks, offset + 1)
        if found is None:
            # The year 9999 ends, though none begins after it.
            return _ticks.MAX_DATETIME if start(ticks, offset) is not None else None
        return in_datetime(found - 1)

    _listed(f"startof{period}(datetime, long?) -> datetime?")(start_of)
    _listed(f"endof{period}(datetime, long?) -> datetime?", note="to the last 100 ns")(end_of)


_register_edges("day", _start_of_day)
_register_edges("week", _start_of_week)
_register_edges("month", _start_of_month)
_register_edges("year", _start_of_year)


@function("make_datetime(long, long, long, long?, long?, number?) -> datetime", family=_FAMILY)
def make_datetime(call: Call) -> Typed:
    """Make a datetime of year, month, day and, if given, hour, minute and second."""
    if len(call.arguments) == 4:
        raise call.refuse("takes 3, 5 or 6 arguments")
    return apply(_make_datetime, call.arguments, Type.DATETIME, may_fail=True)


def _make_datetime(year: int, month: int, day: int, *clock_parts: float) -> int | None:
    hour, minute, second = (*clock_parts, 0, 0, 0)[:3]
    clock = _clock(int(hour), int(minute), second)
    if clock is None:
        return None
    try:
        return _ticks.from_datetime(datetime(year, month, day)) + clock
    except (ValueError, OverflowError):
        return None


def _clock(hour: int, minute: int, second: float) -> int | None:
    if 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second < 60:
        return hour * HOUR + minute * MINUTE + min(round(second * SECOND), MINUTE - 1)
    return None


@function("make_timespan(long, long, number?, number?) -> timespan", family=_FAMILY)
def make_timespan(call: Call) -> Typed:
    """Make a timespan of hour and minute, and a second behind, and a day before them."""
    if len(call.arguments) == 4 and call.arguments[2].type is Type.REAL:
        raise call.refuse("The expression value must be an integer", 2)
    return apply(_make_timespan, call.arguments, Type.TIMESPAN, may_fail=True)


def _make_timespan(first: int, second: int, third: float = 0, fourth: float | None = None) -> int | None:
    day, hour, minute, seconds = (
        (0, first, second, third) if fourth is None else (first, second, third, fourth)
    )
    clock = _clock(hour, int(minute), seconds)
    return None if clock is None or day < 0 else in_timespan(day * DAY + clock)
