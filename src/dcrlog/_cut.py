"""Values cut to what the service would keep, on a character boundary and with a mark.

Pure. The service cuts a value over 64 KB silently, in the middle of whatever stands there.
"""

from typing import Any, Final

import msgspec

from dcrlog._leaves import MAX_FIELD_BYTES

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_LEAST_STRING: Final = 64
_SHORT_BYTES: Final = 1_024


def cut_text(value: str, max_bytes: int) -> str:
    """Return the text, or as much of its beginning as fits with a mark into `max_bytes` of UTF-8."""
    encoded = value.encode("utf-8", "surrogatepass")
    if len(encoded) <= max_bytes:
        return value
    mark = f"...[{len(encoded)} bytes, cut]"
    kept = encoded[: max(0, max_bytes - len(mark))].decode("utf-8", "ignore")
    return kept + mark


def cut_row(row: dict[str, Any], max_bytes: int) -> tuple[dict[str, Any], int]:
    """Cut every value of a row that is over `max_bytes` as JSON text.

    Returns:
        The row with the cut values, and how many values were cut.
    """
    result = {}
    count = 0
    for name, value in row.items():
        made = value
        if type(value) is str:
            made = cut_text(value, max_bytes)
        elif type(value) in {dict, list}:
            made = _cut_tree(value, max_bytes)
        count += made is not value
        result[name] = made
    return result, count


def encode_cut(row: dict[str, Any], encoded: bytes, max_bytes: int) -> tuple[bytes | None, int]:
    """Cut the values of a row as little as brings it to a size.

    Args:
        row: The row.
        encoded: The row as JSON.
        max_bytes: The size that it may have.

    Returns:
        The row as JSON, None where it is larger with all values cut; and how many values were cut.
    """
    limit = MAX_FIELD_BYTES
    while limit >= _LEAST_STRING:
        # Always from the whole row, so that a mark tells a value's own length and each counts once.
        shorter, count = cut_row(row, limit)
        made = _encode(shorter) if count else encoded
        if len(made) <= max_bytes:
            return made, count
        limit //= 2
    return None, 0


def shorten(row: bytes) -> bytes | None:
    """Return an encoded row with its longest value cut to 1 KB; None where no value is longer than that."""
    values: dict[str, Any] = _decode(row)
    longest = max(values, key=lambda name: len(_encode(values[name])), default=None)
    if longest is None:
        return None
    cut, count = cut_row({longest: values[longest]}, _SHORT_BYTES)
    return _encode(values | cut) if count else None


def _cut_tree(value: Any, max_bytes: int) -> Any:
    """Shorten the strings of a tree until it fits; what cannot be shortened so becomes cut text."""
    encoded = _encode(value)
    if len(encoded) <= max_bytes:
        return value
    longest = max_bytes // 4
    while longest >= _LEAST_STRING:
        made = _shorten(value, longest)
        if len(_encode(made)) <= max_bytes:
            return made
        longest //= 4
    # Escaped once more as a string, quotes and backslashes double.
    return cut_text(encoded.decode(), max_bytes // 2)


def _shorten(value: Any, longest: int) -> Any:
    if type(value) is str:
        return cut_text(value, longest)
    if type(value) is dict:
        return {cut_text(key, longest): _shorten(member, longest) for key, member in value.items()}
    if type(value) is list:
        return [_shorten(member, longest) for member in value]
    return value
