"""Secrets taken out of a row before it becomes bytes.

Pure. It works on the finished row, so that message, traceback and nested values are all covered; a
stdlib filter reaches neither tracebacks nor formatted text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

from dcrlog._values import plain
from dcrlog.errors import ConfigError, shown

REDACTED: Final = "[redacted]"
_NO_WORD: Final = re.compile(r"[\W_]+")
_CARDS: Final = range(10**12, 10**19)
"""Whole numbers with as many digits as a card's."""
_MOST_KNOWN: Final = 1_024
"""Keys and harmless texts that are remembered, ..."""
_LONGEST_KNOWN: Final = 100
"""... if they are no longer than this."""

Redact = Callable[[dict[str, Any]], dict[str, Any]]


def make_redactor(setting: object) -> Redact | None:
    """Build the redactor that a `redact` setting asks for.

    Args:
        setting: None or False for none; True for the shipped keys and patterns; a mapping with `keys`
            and `patterns` of one's own, and `shipped` for those besides; or a callable that takes a row
            (column -> value) and returns it.

    Raises:
        ConfigError: The setting has another shape, or a pattern is not a regular expression.
    """
    if setting is None or setting is False:
        return None
    if setting is True:
        return Redactor(shipped=True)
    if isinstance(setting, Mapping) and setting and not set(setting) - {"keys", "patterns", "shipped"}:
        shipped = setting.get("shipped", False)
        if not isinstance(shipped, bool):
            raise ConfigError(f'redact["shipped"] must be True or False, got {shown(shipped)}.')
        return Redactor(_texts(setting, "keys"), _texts(setting, "patterns"), shipped=shipped)
    if callable(setting):
        return setting
    raise ConfigError(
        'redact must be True, {"keys": [...], "patterns": [...], "shipped": True} or a callable that takes '
        f"and returns a row, got {shown(setting)}."
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
    """Replaces values under secret keys, and what matches a pattern in any text.

    Args:
        keys: Ends of keys.
        patterns: Regular expressions.
        shipped: Whether the keys and patterns of `_secrets` are added, and cards are looked for.
    """

    def __init__(
        self, keys: Iterable[str] = (), patterns: Iterable[str] = (), *, shipped: bool = False
    ) -> None:
        self._shipped = _load_shipped() if shipped else None
        self._keys = tuple(map(_checked_key, (*keys, *(self._shipped.KEYS if self._shipped else ()))))
        self._patterns = tuple(map(_compile, patterns))
        self._known = lru_cache(_MOST_KNOWN)(self._ends_in_key)
        self._harmless: set[str] = set()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row without its secrets."""
        return {name: self.field(name, row[name]) for name in row}

    def field(self, name: str, value: Any) -> Any:
        """Return the value of a column without its secrets."""
        return REDACTED if self.is_secret(name) else self._visit(value)

    def clean(self, value: Any) -> Any:
        """Redact inside a container while its keys are still there: a string column makes text of it."""
        made = plain(value)
        return self._visit(made) if type(made) in {dict, list} else value

    def is_secret(self, key: str) -> bool:
        """Whether what stands under this key is to be taken out."""
        return self._known(key) if len(key) <= _LONGEST_KNOWN else self._ends_in_key(key)

    def _ends_in_key(self, key: str) -> bool:
        return bool(self._keys) and _normal(key).endswith(self._keys)

    def _visit(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._read(value)
        if kind is dict:
            name = value.get("name")
            # Settings and headers in lists: {"name": "password", "value": "..."}.
            hides_value = type(name) is str and self.is_secret(name)
            return {
                self._read(key): REDACTED
                if self.is_secret(key) or (hides_value and key == "value")
                else self._visit(member)
                for key, member in value.items()
            }
        if kind is list:
            # The headers of an ASGI request are pairs.
            if len(value) == 2 and type(value[0]) is str and self.is_secret(value[0]):
                return [self._read(value[0]), REDACTED]
            return [self._visit(member) for member in value]
        if kind is int and value in _CARDS and self._shipped and self._shipped.is_card(str(value)):
            return REDACTED
        return value

    def _read(self, text: str) -> str:
        # Names of levels, loggers, threads and keys come again with each record.
        is_short = len(text) <= _LONGEST_KNOWN
        if is_short and text in self._harmless:
            return text
        made = self._search(text)
        if is_short and made == text:
            if len(self._harmless) >= _MOST_KNOWN:
                self._harmless.clear()
            self._harmless.add(text)
        return made

    def _search(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        if self._shipped:
            # Looking for a part of what a pattern needs takes a tenth of its time, and mostly none is there.
            folded = text.casefold()
            for pattern, hints in self._shipped.SECRETS.values():
                for hint in hints:
                    if hint in folded:
                        text = pattern.sub(REDACTED, text)
                        break
            text = self._shipped.hide_cards(text, REDACTED)
        return text


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


def _load_shipped() -> ModuleType:
    # Its patterns take 10 ms to compile, which who redacts nothing does not pay.
    from dcrlog import _secrets

    return _secrets


def _normal(key: str) -> str:
    return _NO_WORD.sub("", key.lower())
