"""What secrets look like: the keys under which they stand, and the texts in which they are recognised.

Pure. Every pattern takes time in proportion to the text: whoever controls a logged text must not control
how long the logging call takes. Therefore runs are possessive or bounded, and a match starts where the
character before it could not have belonged to one.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

KEYS: Final = (
    "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token", "jwt",
    "authorization", "authorization auxiliary", "bearer", "cookie", "cookies", "credential", "credentials",
    "api key", "access key", "account key", "private key", "secret key", "master key", "shared key",
    "signing key", "encryption key", "subscription key", "functions key", "function key", "storage key",
    "sas key", "connection string", "shared access signature", "card number", "cvv", "cvc",
)  # fmt: skip
"""A key is compared with its end, without case and punctuation; in a text they stand before a value."""


class Secret(NamedTuple):
    """One kind of secret.

    Attributes:
        pattern: What is taken out.
        hints: Case-folded texts of which one is in every text that the pattern matches.
    """

    pattern: re.Pattern[str]
    hints: tuple[str, ...]


def _secret(pattern: str, *hints: str) -> Secret:
    return Secret(re.compile(pattern), hints)


# The look-ahead, a first letter, takes less than half the time where no name is.
_NAME: Final = (
    f"(?=[{''.join(sorted({key[0] for key in KEYS}))}])(?:{'|'.join(KEYS).replace(' ', '[ ._-]?')})"
)

_IS: Final = (
    r"""(?:\s*+(?::?=>?|%3D)\s*+"""
    # After a quoted name: JSON, the repr of a dict, of a pair, {"name": "token", "value": "..."}, and XML's.
    # What is not quoted behind a colon may be a sentence: "no such name 'login.token': refused".
    r"""|\\*+["']\s*+(?::=|=>|=|:(?=\s*+(?:b?\\*["'{\[]|[^\s"',;0-9]{0,100}+[0-9]))|,(?=\s*+b?\\*["'](?!value\b))"""
    r"""|,?\s*+(?:\\*+["'])?value(?:\\*+["'])?\s*+[:=])\s*+)"""
)
# What is quoted goes to its quote, or to the end where the text was cut; an escaped quote is JSON in JSON.
# A quote behind any number of backslashes ends nothing: the repr of JSON has more of them than the JSON.
_VALUE: Final = (
    r"""(?:(?:\\{0,8}+"){3}[\s\S]*?(?:(?:\\{0,8}+"){3}|\Z)|(?:\\{0,8}+'){3}[\s\S]*?(?:(?:\\{0,8}+'){3}|\Z)"""
    r'|b?"(?:[^"\\]|\\++[\s\S])*+"?'
    r"|b?'(?:[^'\\]|\\++[\s\S])*+'?"
    r"""|\\+"[^"]*+"?|\\+'[^']*+'?"""
    r"|\{[^}]*+\}?|\[[^\]]*+\]?"
    # A connection string's value may hold all but its semicolon.
    r"""|[^;\s"][^;\r\n"]{0,127}+(?=;)"""
    r"""|[^;\s"'&,)}\]]++)"""
)
# A URL has it percent-encoded.
_PEM: Final = r"(?:[A-Z0-9 +]|%20)*PRIVATE(?:[ +]|%20)KEY(?:(?:[ +]|%20)BLOCK)?-----"

SECRETS: Final[Mapping[str, Secret]] = {
    "authorization": _secret(
        r"(?i)(?:(?<=authorization: )(?!\s)|(?<=authorization:)(?! \S)\s*+)"
        r"(?:(?:sharedkey(?:lite)?|sharedaccesssignature|digest|negotiate|ntlm|apikey|token|dpop|hawk"
        r"|aws4-hmac-sha256)\s[^\r\n\"']++|(?!(?:bearer|basic)\s)[\w.~+/=-]{16,}+)",
        "authorization:",
    ),
    "bearer token": _secret(
        r"(?i)(?:\b|(?<=%20))(?:bearer|basic)(?:\s++|\+|%20)(?!auth(?:enticat|ori[sz])[a-z]*+\b)[a-z0-9._~+/=-]{8,}+",
        "bearer",
        "basic",
    ),
    # The look-ahead asks for the dots once a word: "eyJ-eyJ-..." would else be scanned from each eyJ on.
    "JWT": _secret(
        r"(?<![\w-])(?=[\w-]{8,}+\.[\w-]{5,}+\.)(?:[\w-]*?[_-])?eyJ[\w-]{5,}+\.[\w-]{5,}+"
        r"\.[\w-]*+(?:\.[\w-]++){0,2}",
        "eyj",
    ),
    "PEM block": _secret(rf"-----BEGIN{_PEM}[\s\S]*?(?:-----END{_PEM}|\Z)", "-----begin"),
    "SAS signature": _secret(
        # Behind the sign that separates it, as URLs, HTML and JSON write that.
        r"""(?i)(?:(?:(?<=[?&])|(?<=&amp;)|(?<=%3F)|(?<=%26)|(?<=%253F)|(?<=%2526)|(?<=\\u0026))"""
        r"""sig(?:=|%(?:25)?3D)[^&\s"'\\]++"""
        r"|(?<![a-z_])sig(?:=|%(?:25)?3D)[a-z0-9%+/=_-]{20,}+)",
        "sig=",
        "sig%",
    ),
    # Azure Functions take their key so, and an OAuth 2 redirect its code.
    "code in a URL": _secret(r"(?i)(?<=[?&]code=)[\w~+/=%.-]{20,}+", "code="),
    "URL with a password": _secret(
        r"(?<=://)(?:[^\s/:@?#]{0,200}:[^\s/@?#]++(?:@[^\s/@?#]++(?=@))*+|[^\s/:@?#]{16,200}+)(?=@)",
        "://",
    ),
    # No word boundary in front, for client_secret=...
    "key or password with its name": _secret(
        rf"(?i){_NAME}(?:{_IS}{_VALUE}|>[^<>]++(?=</)"
        r"|(?<=cookie)2?:\s*+[^\r\n]++"
        r"|(?<=key):\s*+[^\s\"',;]++"
        # An ordinary word is none: "wrong password: try again".
        r"|:\s*+(?=[^\s\"',;0-9]{0,100}+[0-9])[^\s\"',;]{6,}+)",
        *{key.rpartition(" ")[2].removesuffix("s"): None for key in KEYS},
    ),
    "account key": _secret(
        r"(?<![\w+/%])(?:[A-Za-z0-9+/]|%2[BbFf]){86}(?:==|(?:%3[Dd]){2})(?![\w+/=])", "==", "%3d%3d"
    ),
    "client secret": _secret(r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])", "q~"),
}
"""By their names. Card numbers, which have a checksum, are found by `hide_cards`."""

_CARD: Final = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]\.)[2-6]"
    r"(?:[0-9]{12,18}"
    r"|[0-9]{3}([ -])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?P<more>\1[0-9]{1,3}(?![0-9]))?"
    r"|[0-9]{6}\1[0-9]{4,5}"
    r"|[0-9]{3}\1[0-9]{3}\1[0-9]{3}))"
    r"(?![0-9A-Za-z])(?!\.[0-9])"
)
_NETWORKS: Final = re.compile(
    r"4(?:.{12}|.{15}|.{18})"
    r"|5[1-5].{14}|2(?:22[1-9]|2[3-9].|[3-6]..|7[01].|720).{12}"
    r"|3[47].{13}"
    r"|3(?:0[0-5]|[689].).{11,16}"
    r"|35(?:2[89]|[3-8].).{12,15}"
    r"|(?:50|5[6-9]|6.).{14,17}"
)
"""Which first digits and lengths go together; a time in milliseconds or nanoseconds is none before 2096."""
_TWICE: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_LEAST_DIGITS: Final = 13


def hide_cards(text: str, mark: str) -> str:
    """Put a mark in place of each number whose first digits, length and checksum are a payment card's.

    Its digits stand together, or in the groups that are embossed, with single spaces or dashes between them.
    """
    if len(text) < _LEAST_DIGITS:
        return text
    parts = []
    done = 0
    found = _CARD.search(text)
    while found:
        end = _end_of_card(found)
        if end:
            parts += [text[done : found.start()], mark]
            done = end
        # One that begins within a number that is no card may be one.
        found = _CARD.search(text, end or found.start() + 1)
    return "".join([*parts, text[done:]]) if parts else text


def _end_of_card(found: re.Match[str]) -> int | None:
    if is_card(found[0]):
        return found.end()
    # What follows the number in the same manner may be an expiry date.
    if found["more"] and is_card(found[0][: -len(found["more"])]):
        return found.start("more")
    return None


def is_card(number: str) -> bool:
    """Tell whether first digits, length and checksum (ISO/IEC 7812) are a payment card's."""
    digits = number.replace(" ", "").replace("-", "")
    if not _NETWORKS.fullmatch(digits):
        return False
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_TWICE[value] for value in values[1::2])) % 10 == 0
