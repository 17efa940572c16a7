"""What the operators on values do. None of it raises; null is None."""

import math
from typing import Any, Final

from dcrlog.kql._casts import text_to_long, text_to_real, to_long
from dcrlog.kql._folding import fold
from dcrlog.kql._ticks import in_datetime, in_timespan

_LISTS: Final = frozenset({list, frozenset})


def add(one: int, other: int) -> int | None:
    """Add integers; null beyond 64 bits."""
    return to_long(one + other)


def subtract(one: int, other: int) -> int | None:
    """Subtract integers; null beyond 64 bits."""
    return to_long(one - other)


def multiply(one: int, other: int) -> int | None:
    """Multiply integers; null beyond 64 bits."""
    return to_long(one * other)


def divide(one: int, other: int) -> int | None:
    """Divide integers and cut the fraction off; null by zero."""
    if other == 0:
        return None
    quotient = abs(one) // abs(other)
    return to_long(quotient if (one < 0) == (other < 0) else -quotient)


def modulo(one: int, other: int) -> int | None:
    """Return the remainder, which is never negative; null by zero."""
    return one % abs(other) if other else None


def divide_reals(one: float, other: float) -> float:
    """Divide as IEEE 754 does."""
    if other:
        return one / other
    if one == 0 or math.isnan(one) or math.isnan(other):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1, other)


def modulo_reals(one: float, other: float) -> float:
    """Return the remainder, which is never negative."""
    if not other or not math.isfinite(one) or math.isnan(other):
        return math.nan
    remainder = math.fmod(one, other)
    return remainder + abs(other) if remainder < 0 else remainder


def negate(value: int) -> int | None:
    """Negate an integer; null beyond 64 bits."""
    return to_long(-value)


def shift(time: int, span: int) -> int | None:
    """Add a timespan to a datetime."""
    return in_datetime(time + span)


def shift_back(time: int, span: int) -> int | None:
    """Subtract a timespan from a datetime."""
    return in_datetime(time - span)


def scale(span: int, by: float) -> int | None:
    """Multiply a timespan."""
    if isinstance(by, int):
        return in_timespan(span * by)
    product = span * by
    return in_timespan(int(product)) if math.isfinite(product) else None


def shrink(span: int, by: float) -> int | None:
    """Divide a timespan by a number."""
    if isinstance(by, int):
        return None if by == 0 else divide(span, by)
    quotient = divide_reals(span, by)
    return in_timespan(int(quotient)) if math.isfinite(quotient) else None


def equal(one: Any, other: Any) -> bool | None:
    """Compare; null for two nulls, false for one."""
    if one is None and other is None:
        return None
    try:
        return bool(one == other)
    except RecursionError:
        return False


def unequal(one: Any, other: Any) -> bool | None:
    """Compare; null for two nulls, true for one."""
    found = equal(one, other)
    return None if found is None else not found


def all_of(*values: bool | None) -> bool | None:
    """Return what `and` gives: false decides, else null does."""
    if False in values:
        return False
    return None if None in values else True


def any_of(*values: bool | None) -> bool | None:
    """Return what `or` gives: true decides, else null does."""
    if True in values:
        return True
    return None if None in values else False


def number_of(value: Any) -> float | None:
    """Return a dynamic value as a number to compare with."""
    if value.__class__ is str:
        found = text_to_long(value)
        return text_to_real(value) if found is None else found
    return value if value.__class__ in {int, float, bool} else None


def has_term(text: str, term: str) -> bool:
    """Tell whether a text has a term: at its ends, letters and digits do not go on."""
    size = len(term)
    if not size:
        return True
    place = text.find(term)
    while place >= 0:
        if (place == 0 or not (term[0].isalnum() and text[place - 1].isalnum())) and (
            place + size == len(text) or not (term[-1].isalnum() and text[place + size].isalnum())
        ):
            return True
        place = text.find(term, place + 1)
    return False


def has_prefix(text: str, term: str) -> bool:
    """Tell whether a term of a text begins so."""
    place = text.find(term)
    while place >= 0:
        if place == 0 or not text[place - 1].isalnum():
            return True
        place = text.find(term, place + 1)
    return False


def has_suffix(text: str, term: str) -> bool:
    """Tell whether a term of a text ends so."""
    return has_prefix(text[::-1], term[::-1])


def among(value: Any, options: Any) -> bool | None:
    """Tell whether a value is in an array, or is the value that stands in the place of one."""
    if options.__class__ not in _LISTS:
        return equal(value, options)
    try:
        found = value in options
    except (RecursionError, TypeError):
        # An array has no place in a set.
        return False
    return None if found and value is None else found


def among_folded(value: str, options: Any) -> bool:
    """Tell whether a text is in an array, whatever its case."""
    listed = options if options.__class__ in _LISTS else [options]
    folded = fold(value)
    return any(each.__class__ is str and fold(each) == folded for each in listed)
