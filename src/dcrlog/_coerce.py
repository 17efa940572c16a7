"""Python values fitted to the type that a column declares.

Pure. The functions in `COERCE` raise nothing but `Misfit`. (KeyboardInterrupt and SystemExit pass.)
"""

import datetime as dt
import decimal
import re
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from dcrlog._leaves import stamp
from dcrlog._values import LONG_MAX, LONG_MIN, REAL_MAX, plain, text
from dcrlog.schema import ColumnType

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
MAX_DIGITS: Final = 19
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z\Z", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)


class Misfit(Exception):  # noqa: N818 - it is nobody's error, it steers the row builder
    """The value does not fit the column's type."""


def to_string(value: Any) -> str | None:
    """Fit a value into a string column: everything has a text."""
    return value if type(value) is str or value is None else text(value)


def to_int(value: Any) -> int | None:
    """Fit a value into an int column, 32 bits."""
    return _integer(value, INT_MIN, INT_MAX)


def to_long(value: Any) -> int | None:
    """Fit a value into a long column, 64 bits."""
    return _integer(value, LONG_MIN, LONG_MAX)


def _integer(value: Any, least: int, most: int) -> int | None:
    if value is None:
        return None
    made = _number(value)
    is_whole = (
        made.is_integer() if type(made) is float else type(made) is str and _INTEGER.match(made.strip())
    )
    if is_whole:
        made = int(made)
    if type(made) in {int, bool} and least <= made <= most:
        return int(made)
    raise Misfit


def to_real(value: Any) -> float | int | None:
    """Fit a value into a real column; NaN and the infinities are misfits, since JSON has none."""
    if value is None:
        return None
    try:
        made = float(_number(value))
    except (TypeError, ValueError, OverflowError):
        raise Misfit from None
    if -REAL_MAX <= made <= REAL_MAX:
        return made
    raise Misfit


def _number(value: Any) -> Any:
    """Bring the many kinds of numbers down to int, float, bool or str."""
    kind = type(value)
    # Compared one by one: a set would hash the class, and a metaclass may raise at that.
    if kind is str or kind is int or kind is float or kind is bool:
        return value
    if kind is decimal.Decimal:
        if not value.is_finite():  # float() of a signaling NaN raises
            return None
        # int() of 1E+1000000 would build a million digits.
        whole = value.adjusted() < MAX_DIGITS and value == value.to_integral_value()
        return int(value) if whole else float(value)
    made = plain(value)
    return made if type(made) in {int, float, bool, str} else None


def to_boolean(value: Any) -> bool | None:
    """Fit a value into a boolean column: true, false, 1, 0 and their text."""
    made = value if value is None else _number(value)
    if made is None and value is None:
        return None
    if type(made) is bool:
        return made
    if type(made) in {int, float} and made in {0, 1}:
        return bool(made)
    if type(made) is str and made.strip().lower() in {"true", "false"}:
        return made.strip().lower() == "true"
    raise Misfit


def to_datetime(value: Any) -> str | None:
    """Fit a value into a datetime column: datetimes, dates, ISO 8601 text, seconds since the epoch."""
    if value is None:
        return None
    try:
        if isinstance(value, dt.datetime):
            return _checked(stamp(value))
        if isinstance(value, dt.date):
            return stamp(dt.datetime.combine(value, dt.time()))
        made = _number(value)
        if type(made) is str:
            return stamp(dt.datetime.fromisoformat(made.strip()))
        if type(made) in {int, float}:
            return stamp(dt.datetime.fromtimestamp(made, dt.UTC))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        raise Misfit from None
    raise Misfit


def _checked(stamped: str) -> str:
    # A subclass writes itself as it likes: that of pandas has a NaT.
    if not _TIME.match(stamped):
        raise Misfit
    return stamped


COERCE: Final[Mapping[ColumnType, Callable[[Any], Any]]] = types.MappingProxyType(
    {
        ColumnType.STRING: to_string,
        ColumnType.INT: to_int,
        ColumnType.LONG: to_long,
        ColumnType.REAL: to_real,
        ColumnType.BOOLEAN: to_boolean,
        ColumnType.DYNAMIC: plain,
        ColumnType.DATETIME: to_datetime,
    }
)
