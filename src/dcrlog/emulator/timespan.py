"""The timespan of a query: ISO 8601 durations and intervals."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DURATION: Final = re.compile(
    r"P(?:(?P<weeks>\d{1,9}(?:\.\d{1,9})?)W)?(?:(?P<days>\d{1,9}(?:\.\d{1,9})?)D)?"
    r"(?:T(?:(?P<hours>\d{1,9}(?:\.\d{1,9})?)H)?(?:(?P<minutes>\d{1,9}(?:\.\d{1,9})?)M)?"
    r"(?:(?P<seconds>\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


def parse_timespan(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Read a duration up to now, start/end, start/duration or duration/end.

    Raises:
        ValueError: It is none of these; the message says what is wrong.
    """
    first, slash, second = text.strip().partition("/")
    try:
        if not slash:
            return now - _duration(first), now
        if first.startswith("P"):
            end = _moment(second)
            return end - _duration(first), end
        start = _moment(first)
        return start, (start + _duration(second) if second.startswith("P") else _moment(second))
    except OverflowError:
        raise ValueError("it reaches beyond the years 1 to 9999") from None


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"'{text[:40]}' is not an ISO 8601 duration such as PT1H or P7D")
    return timedelta(**{name: float(number) for name, number in found.groupdict().items() if number})


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text[:40]}' is not an ISO 8601 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
