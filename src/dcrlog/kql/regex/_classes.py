"""Named character classes, as the inside of Python's brackets."""

import sys
import unicodedata
from functools import lru_cache
from typing import Final

NAMED: Final = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f", "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip

_LONG_NAMES: Final = {
    "Letter": "L", "Lowercase_Letter": "Ll", "Mark": "M", "Number": "N", "Decimal_Number": "Nd",
    "Other": "C", "Punctuation": "P", "Separator": "Z", "Symbol": "S", "Uppercase_Letter": "Lu",
}  # fmt: skip
_CATEGORIES: Final = frozenset(
    {
        first + second
        for first, seconds in {
            "L": "ulmto", "M": "nce", "N": "dlo", "P": "cdseifo", "S": "mcko", "Z": "slp", "C": "cfons",
        }.items()
        for second in ("", *seconds)
    }
)  # fmt: skip


@lru_cache(32)
def property_class(name: str, *, is_negated: bool) -> str:
    """Return the characters of a general category of Unicode; empty where there is none of that name."""
    if name.startswith("^"):
        return property_class(name[1:], is_negated=not is_negated)
    wanted = _LONG_NAMES.get(name, name)
    if wanted not in _CATEGORIES:
        return ""
    found: list[str] = []
    first = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and (
            unicodedata.category(chr(code)).startswith(wanted) is not is_negated
        )
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            found.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = None
    return "".join(found)
