"""Secrets taken out of a row before it becomes bytes.

Pure. It works on the finished row, so that message, traceback and nested values are all covered; a
stdlib filter reaches neither tracebacks nor formatted text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dcrlog._values import plain
from dcrlog.errors import ConfigError, shown

REDACTED: Final = "[redacted]"
DEFAULT_KEYS: Final = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "apikey",
    "accesskey", "accountkey", "privatekey", "connectionstring", "credential", "credentials",
)  # fmt: skip
DEFAULT_PATTERNS: Final = (
    r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/=-]{8,}",
    # The look-ahead asks for the dots once a word: "eyJ-eyJ-..." would else be scanned from each eyJ on.
    r"(?<![\w-])(?=[\w-]{8,}+\.[\w-]{5,}+\.)(?:[\w-]*?[_-])?eyJ[\w-]{5,}+\.[\w-]{5,}+\.[\w-]*",
    # No word boundary in front, for client_secret=...; quotes, for JSON and the repr of a dict.
    (
        r"(?i)(?:a(?:ccount|ccess|pi)_?key|passw(?:or)?d|passphrase|pwd|secret|(?:access|refresh)_?token)"
        r"""(?:\s*=|["']\s*:)\s*(?:"[^"]*"?|'[^']*'?|[^;\s"'&,)}\]]+)"""
    ),
    r"(?<=://)[^\s/:@?#]{0,200}:[^\s/@?#]++(?=@)",
    r"(?i)(?<=[?&])sig=[^&\s\"']+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)

_NO_WORD: Final = re.compile(r"[\W_]+")

Redact = Callable[[dict[str, Any]], dict[str, Any]]


def make_redactor(setting: object) -> Redact | None:
    """Build the redactor that a `redact` setting asks for.

    Args:
        setting: None or False for none; True for the default keys and patterns; a mapping with `keys`
            and `patterns` of one's own; or a callable that takes a row (column -> value) and returns it.

    Raises:
        ConfigError: The setting has another shape, or a pattern is not a regular expression.
    """
    if setting is None or setting is False:
        return None
    if setting is True:
        return Redactor(DEFAULT_KEYS, DEFAULT_PATTERNS)
    if isinstance(setting, Mapping) and setting and not set(setting) - {"keys", "patterns"}:
        return Redactor(_texts(setting, "keys"), _texts(setting, "patterns"))
    if callable(setting):
        return setting
    raise ConfigError(
        'redact must be True, {"keys": [...], "patterns": [...]} or a callable that takes and returns '
        f"a row, got {shown(setting)}."
    )


def _texts(setting: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = setting.get(name, ())
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise ConfigError(f'redact["{name}"] must be a list of texts, got {shown(listed)}.')
    texts = tuple(listed)
    for entry in texts:
        if not isinstance(entry, str) or not entry:
            raise ConfigError(f'redact["{name}"] must be a list of texts; {shown(entry)} is none.')
    return texts


class Redactor:
    """Replaces values under secret keys, and what matches a pattern in any text."""

    def __init__(self, keys: Iterable[str], patterns: Iterable[str]) -> None:
        self._keys = tuple(map(_checked_key, keys))
        self._patterns = tuple(map(_compile, patterns))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: REDACTED if self.is_secret(name) else self._visit(row[name]) for name in row}

    def clean(self, value: Any) -> Any:
        """Redact inside a container while its keys are still there: a string column makes text of it."""
        made = plain(value)
        return self._visit(made) if type(made) in {dict, list} else value

    def is_secret(self, key: str) -> bool:
        """Whether what stands under this key is to be taken out."""
        return bool(self._keys) and _normal(key).endswith(self._keys)

    def _visit(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            for pattern in self._patterns:
                value = pattern.sub(REDACTED, value)
            return value
        if kind is dict:
            return {
                self._visit(key): REDACTED if self.is_secret(key) else self._visit(member)
                for key, member in value.items()
            }
        if kind is list:
            return [self._visit(member) for member in value]
        return value


def _checked_key(key: str) -> str:
    if not _normal(key):
        raise ConfigError(f'redact["keys"]: {shown(key)} has no letter or digit; it would match every key.')
    return _normal(key)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"redact: {shown(pattern)} is not a regular expression: {error}.") from None
    if compiled.search(""):
        raise ConfigError(
            f"redact: {shown(pattern)} matches the empty text and so stands between any two letters."
        )
    return compiled


def _normal(key: str) -> str:
    return _NO_WORD.sub("", key.lower())
