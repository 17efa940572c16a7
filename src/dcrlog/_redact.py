"""Secrets taken out of a row before it becomes bytes.

Pure. It works on the finished row, so that message, traceback and nested values are all covered; a
stdlib filter reaches neither tracebacks nor formatted text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dcrlog.errors import ConfigError

REDACTED: Final = "[redacted]"
DEFAULT_KEYS: Final = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "apikey",
    "accesskey", "accountkey", "privatekey", "connectionstring", "credential", "credentials",
)  # fmt: skip
DEFAULT_PATTERNS: Final = (
    r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/=-]{8,}",
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
    r"(?i)\b(?:accountkey|sharedaccesskey|password|pwd|secret)\s*=\s*[^;\s\"'&]+",
    r"(?i)(?<=[?&])sig=[^&\s\"']+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)

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
        return _Redactor(DEFAULT_KEYS, DEFAULT_PATTERNS)
    if isinstance(setting, Mapping) and setting and not set(setting) - {"keys", "patterns"}:
        return _Redactor(_texts(setting, "keys"), _texts(setting, "patterns"))
    if callable(setting):
        return setting
    raise ConfigError(
        'redact must be True, {"keys": [...], "patterns": [...]} or a callable that takes and returns '
        f"a row, got {setting!r}."
    )


def _texts(setting: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = setting.get(name, ())
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise ConfigError(f'redact["{name}"] must be a list of texts, got {listed!r}.')
    texts = tuple(listed)
    for entry in texts:
        if not isinstance(entry, str) or not entry:
            raise ConfigError(f'redact["{name}"] must be a list of texts; {entry!r} is none.')
    return texts


class _Redactor:
    """Replaces values under secret keys, and what matches a pattern in any text."""

    def __init__(self, keys: Iterable[str], patterns: Iterable[str]) -> None:
        self._keys = tuple(_normal(key) for key in keys)
        compiled = []
        for pattern in patterns:
            try:
                compiled.append(re.compile(pattern))
            except re.error as error:
                raise ConfigError(f"redact: {pattern!r} is not a regular expression: {error}.") from None
        self._patterns = compiled

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: REDACTED if self._is_secret(name) else self._visit(row[name]) for name in row}

    def _visit(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            for pattern in self._patterns:
                value = pattern.sub(REDACTED, value)
            return value
        if kind is dict:
            return {
                self._visit(key): REDACTED if self._is_secret(key) else self._visit(member)
                for key, member in value.items()
            }
        if kind is list:
            return [self._visit(member) for member in value]
        return value

    def _is_secret(self, key: str) -> bool:
        return bool(self._keys) and _normal(key).endswith(self._keys)


def _normal(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
