"""Values of rows as people read them."""

from typing import Any, Final

import msgspec

from dcrlog.emulator.page.html import visible

_BYTES: Final = (("MB", 1_000_000), ("kB", 1_000))


def short(value: Any, most: int = 160) -> str:
    """Return a value in one line, texts without quotes."""
    text = value if isinstance(value, str) else compact(value)
    return visible(_cut(text, most))


def whole(value: Any, most: int = 4_000) -> str:
    """Return a value as JSON would have it, with its lines, up to a length."""
    if isinstance(value, str):
        return f'"{visible(_cut(value, most), lines=True)}"'
    return visible(_cut(compact(value), most), lines=True)


def compact(value: Any) -> str:
    """Return a value as JSON."""
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return "(nested too deeply to be shown)"


def size(number: int) -> str:
    """Return a number of bytes with a unit."""
    for unit, least in _BYTES:
        if number >= least:
            return f"{number / least:.1f} {unit}"
    return f"{number} B"


def clock(moment: str) -> str:
    """Return the time of day of an ISO time, with milliseconds."""
    time, _, fraction = moment[11:].rstrip("Z").partition(".")
    return f"{time[:8]}.{fraction[:3]:0<3}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
