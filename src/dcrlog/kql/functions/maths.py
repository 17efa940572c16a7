"""Functions of numbers."""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

from dcrlog.kql._casts import to_long
from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._typed import Typed, apply, cast
from dcrlog.kql._types import INTEGERS, NUMBERS, Type, kql_name

_FAMILY = "Mathematical"
_listed = partial(plain, family=_FAMILY)
_MAX_DIGITS = 15


@function("abs(any) -> any", family=_FAMILY)
def abs_(call: Call) -> Typed:
    """Return the absolute value of a number or a timespan."""
    (value,) = call.arguments
    if value.type not in {*NUMBERS, Type.TIMESPAN}:
        raise call.refuse(f"The function 'abs' is not compatible with arguments ({kql_name(value.type)})", 0)
    result = Type.LONG if value.type is Type.INT else value.type
    return apply(_absolute, [value], result, may_fail=result is not Type.REAL)


def _absolute(value: float) -> float | None:
    return to_long(abs(value)) if isinstance(value, int) else abs(value)


@function("bin(any, any) -> any", family=_FAMILY, note="null for a size that is not positive")
def bin_(call: Call) -> Typed:
    """Round down to a multiple."""
    value, size = call.arguments
    if value.type in NUMBERS and size.type in NUMBERS:
        if Type.REAL in {value.type, size.type}:
            return apply(
                _bin_real, [cast(each, Type.REAL) for each in (value, size)], Type.REAL, may_fail=True
            )
        return apply(_bin, [value, size], Type.LONG, may_fail=True)
    if value.type in {Type.DATETIME, Type.TIMESPAN} and size.type is Type.TIMESPAN:
        return apply(_bin, [value, size], value.type, may_fail=True)
    told = f"{kql_name(value.type)}, {kql_name(size.type)}"
    raise call.refuse(f"The function '{call.name}' is not compatible with arguments ({told})")


function("floor(any, any) -> any", family=_FAMILY, note="the same as bin()")(bin_)


def _bin(value: int, size: int) -> int | None:
    return to_long(value // size * size) if size > 0 else None


def _bin_real(value: float, size: float) -> float | None:
    if not size > 0 or not math.isfinite(size):
        return None
    quotient = value / size
    return math.floor(quotient) * size if math.isfinite(quotient) else value


@function("ceiling(number) -> number", family=_FAMILY)
def ceiling(call: Call) -> Typed:
    """Round up; an integer is its own."""
    (value,) = call.arguments
    if value.type in INTEGERS:
        return value
    return apply(lambda real: float(math.ceil(real)) if math.isfinite(real) else real, [value], Type.REAL)


@function("round(number, long?) -> number", family=_FAMILY, note="half away from zero, of the decimal number")
def round_(call: Call) -> Typed:
    """Round to a number of digits."""
    result = call.arguments[0].type
    compute = _round_real if result is Type.REAL else _round_integer
    return apply(compute, call.arguments, result, may_fail=result is not Type.REAL)


def _round_real(value: float, digits: int = 0) -> float:
    if not math.isfinite(value) or digits > _MAX_DIGITS:
        return value
    return float(_rounded(Decimal(repr(value)), digits))


def _round_integer(value: int, digits: int = 0) -> int | None:
    return value if digits >= 0 else to_long(int(_rounded(Decimal(value), digits)))


def _rounded(value: Decimal, digits: int) -> Decimal:
    scaled = value.scaleb(max(digits, -400))
    if scaled.adjusted() < -1:
        return Decimal(0)
    return scaled.to_integral_value(ROUND_HALF_UP).scaleb(-digits)


def _guarded(compute: Callable[..., float]) -> Callable[..., float]:
    def call(*values: float) -> float:
        try:
            return compute(*values)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return call


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float | None]:
    def call(value: float) -> float | None:
        if value < 0:
            return None
        return compute(value) if value else -math.inf

    return call


_listed("exp(real) -> real")(_guarded(math.exp))
_listed("exp2(real) -> real")(_guarded(lambda value: math.pow(2, value)))
_listed("exp10(real) -> real")(_guarded(lambda value: math.pow(10, value)))
_listed("log(real) -> real?", note="null for a negative number")(_logarithm(math.log))
_listed("log2(real) -> real?", note="null for a negative number")(_logarithm(math.log2))
_listed("log10(real) -> real?", note="null for a negative number")(_logarithm(math.log10))
_listed("isnan(real) -> boolean")(math.isnan)
_listed("isinf(real) -> boolean")(math.isinf)
_listed("isfinite(real) -> boolean")(math.isfinite)


@_listed("pow(real, real) -> real")
def pow_(base: float, exponent: float) -> float:
    """Raise to a power."""
    if base == 0 and exponent < 0:
        return math.inf
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan


@_listed("sign(real) -> real")
def sign(value: float) -> float:
    """Return -1, 0 or 1."""
    return math.copysign(1.0, value) if value == value and value else value  # noqa: PLR0124 - NaN is not itself
