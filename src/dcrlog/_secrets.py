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
    "authorization", "authorizationauxiliary", "bearer", "cookie", "cookies", "credential", "credentials",
    "apikey", "accesskey", "accountkey", "privatekey", "secretkey", "masterkey", "sharedkey", "signingkey",
    "encryptionkey", "subscriptionkey", "functionskey", "storagekey", "connectionstring",
    "sharedaccesssignature", "cardnumber", "cvv", "cvc",
)  # fmt: skip
"""Compared without case and punctuation, with the end of a key."""

_NAME: Final = (
    r"(?:(?:a(?:ccount|ccess|pi)|private|secret|master|shared|signing|encryption|subscription|storage"
    r"|functions?)[_-]?key|passw(?:or)?d|passphrase|pwd|secret|token|cookie|authorization)"
)
# What is quoted goes to its quote, or to the end where the text was cut; an escaped quote is JSON in JSON.
# A quote behind any number of backslashes ends nothing: the repr of JSON has more of them than the JSON.
_VALUE: Final = (
    r'(?:b?"(?:[^"\\]|\\++[\s\S])*+"?'
    r"|b?'(?:[^'\\]|\\++[\s\S])*+'?"
    r"""|\\+"[^"]*+"?|\\+'[^']*+'?"""
    r"|\{[^}]*+\}?|\[[^\]]*+\]?"
    # A connection string's value may hold all but its semicolon.
    r"""|[^;\s"][^;\r\n"]{0,127}+(?=;)"""
    r"""|[^;\s"'&,)}\]]++)"""
)


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


_NAME_HINTS: Final = ("key", "passw", "passphrase", "pwd", "secret", "token", "cookie", "authorization")

SECRETS: Final[Mapping[str, Secret]] = {
    "authorization": _secret(
        r"(?i)(?:(?<=authorization: )|(?<=authorization:)(?! ))"
        r"(?:(?:sharedkey(?:lite)?|sharedaccesssignature|digest|negotiate|ntlm|apikey|token|dpop|hawk"
        r"|aws4-hmac-sha256)\s[^\r\n\"']++|(?!(?:bearer|basic)\s)[\w.~+/=-]{16,}+)",
        "authorization:",
    ),
    "bearer token": _secret(
        r"(?i)\b(?:bearer|basic)\s++(?!auth(?:enticat|ori[sz])[a-z]*+\b)[a-z0-9._~+/=-]{8,}+",
        "bearer",
        "basic",
    ),
    # The look-ahead asks for the dots once a word: "eyJ-eyJ-..." would else be scanned from each eyJ on.
    "JWT": _secret(
        r"(?<![\w-])(?=[\w-]{8,}+\.[\w-]{5,}+\.)(?:[\w-]*?[_-])?eyJ[\w-]{5,}+\.[\w-]{5,}+"
        r"\.[\w-]*+(?:\.[\w-]++){0,2}",
        "eyj",
    ),
    "PEM block": _secret(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        "-----begin ",
    ),
    "SAS signature": _secret(
        r"""(?i)(?:(?:(?<=[?&])|(?<=%3F)|(?<=%26))sig(?:=|%3D)[^&\s"']++"""
        r"|(?<![a-z_])sig(?:=|%3D)[a-z0-9%+/=_-]{20,}+)",
        "sig=",
        "sig%3d",
    ),
    "URL with a password": _secret(
        r"(?<=://)(?:[^\s/:@?#]{0,200}:[^\s/@?#]++(?:@[^\s/@?#]++(?=@))*+|[^\s/:@?#]{16,200}+)(?=@)",
        "://",
    ),
    # No word boundary in front, for client_secret=...; quotes, for JSON and the repr of a dict or of pairs.
    "key or password with its name": _secret(
        rf"""(?i){_NAME}(?:\s*+=\s*+|\\*+["']\s*+(?:[:=]\s*+|,\s*+(?=b?\\*["']))){_VALUE}""",
        *_NAME_HINTS,
    ),
    "header": _secret(
        r"(?i)(?:(?<![\w-])(?:set-)?cookie2?:\s*+[^\r\n]++"
        r"|(?:a(?:ccount|ccess|pi)|secret|master|shared|subscription|functions?)[_-]?key:\s*+[^\s\"',;]++"
        # An ordinary word is none: "wrong password: try again".
        r"|(?:passw(?:or)?d|passphrase|pwd|secret|token):\s*+(?=[^\s\"',;0-9]{0,100}+[0-9])[^\s\"',;]{6,}+)",
        "cookie:",
        "cookie2:",
        "key:",
        "passwd:",
        "password:",
        "passphrase:",
        "pwd:",
        "secret:",
        "token:",
    ),
    "account key": _secret(r"(?<![\w+/])[A-Za-z0-9+/]{86}==(?![\w+/=])", "=="),
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
