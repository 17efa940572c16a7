"""Upper and lower case as .NET's invariant culture has them: one character for one, whatever the language."""

from functools import lru_cache


@lru_cache(8192)
def _lower(character: str) -> str:
    found = character.lower()
    return found if len(found) == 1 else character


@lru_cache(8192)
def _upper(character: str) -> str:
    found = character.upper()
    # The dotless i of Turkish has no upper case in the invariant culture.
    return found if len(found) == 1 and character != "\u0131" else character


def lower(text: str) -> str:
    """Return a text in lower case."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def upper(text: str) -> str:
    """Return a text in upper case."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def fold(text: str) -> str:
    """Return what is the same for texts that differ only in case."""
    return text.lower() if text.isascii() else lower(upper(text))
