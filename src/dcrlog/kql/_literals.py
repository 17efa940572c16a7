"""What the characters of a literal mean."""

import re
from typing import Final

from dcrlog.kql.errors import syntax_error

_ESCAPES: Final = {
    "'": "'", '"': '"', "\\": "\\", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v",
}  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def unescape(content: str, offset: int) -> str:
    """Return what a quoted string means.

    Args:
        content: What stands between the quotes.
        offset: Where that begins in the whole text.

    Raises:
        MistakeError: A backslash before a character that it does not go with.
    """

    def replace(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code is not None and int(code, 16) <= 0x10FFFF:
            return chr(int(code, 16))
        if found[4] in _ESCAPES:
            return _ESCAPES[found[4]]
        at = (offset + found.start(), offset + found.end())
        raise syntax_error(
            f"{found[0]} means nothing in a string. Double the backslash, or write @ before the quote.", at
        )

    if "\\" not in content:
        return content
    unescaped = _ESCAPE.sub(replace, content)
    # Two escapes may spell one character, as they do in JSON; half of a pair is no character.
    paired = _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), unescaped
    )
    return re.sub("[\ud800-\udfff]", "\ufffd", paired)


def unescape_verbatim(content: str, quote: str) -> str:
    """Return what a string after @ means: only its quote is special, and doubled."""
    return content.replace(quote * 2, quote)
