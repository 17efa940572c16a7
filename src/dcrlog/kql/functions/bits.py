"""Bits of 64-bit integers."""

from functools import partial

from dcrlog.kql._table import plain

_listed = partial(plain, family="Bitwise")


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


_listed("binary_and(long, long) -> long", template="({0} & {1})")(lambda one, other: one & other)
_listed("binary_or(long, long) -> long", template="({0} | {1})")(lambda one, other: one | other)
_listed("binary_xor(long, long) -> long", template="({0} ^ {1})")(lambda one, other: one ^ other)
_listed("binary_not(long) -> long", template="(~{0})")(lambda value: ~value)


@_listed("binary_shift_left(long, long) -> long?", note="by the shift modulo 64; null for a negative one")
def shift_left(value: int, shift: int) -> int | None:
    """Shift, and keep 64 bits."""
    return None if shift < 0 else _wrapped(value << shift % 64)


@_listed("binary_shift_right(long, long) -> long?", note="by the shift modulo 64; null for a negative one")
def shift_right(value: int, shift: int) -> int | None:
    """Shift, and keep the sign."""
    return None if shift < 0 else value >> shift % 64
