"""What the doctor finds: a step of the way, how it is, and what to do. No secret is in it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from dcrlog._redact import REDACTED, Redactor

_SECRET_NAME: Final = re.compile(r"SECRET|PASSWORD|PASSPHRASE|_HEADER\Z|(TOKEN|KEY)\Z", re.IGNORECASE)
_redactor: Final = Redactor(shipped=True)
_LEAST: Final = 6
"""Characters of a value that is searched for. A shorter one would stand in any text."""


class State(StrEnum):
    """How a step is."""

    OK = "ok"
    WARN = "warn"
    """It works, but perhaps not as meant."""
    FAIL = "FAIL"
    SKIP = "skip"
    """It could not be looked at, or there is nothing to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        step: The step of the way.
        state: How it is.
        text: What was seen.
        remedy: What to do; empty where nothing is to be done.
    """

    step: str
    state: State
    text: str
    remedy: str = ""

    def without(self, secrets: Iterable[str]) -> "Finding":
        """Return it with secrets, and what looks like one, taken out."""
        return replace(self, text=_clean(self.text, secrets), remedy=_clean(self.remedy, secrets))


def secrets_of(options: Any) -> list[str]:
    """Return the values that must not be shown: of variables that sound secret, and of a credential."""
    found = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    credential = options.get("credential")
    if hasattr(credential, "items"):
        found += [
            str(credential[name]) for name in credential if name not in {"()", "client_id", "tenant_id"}
        ]
    # The longest first: one may be a part of another.
    return sorted((value for value in found if len(value) >= _LEAST), key=len, reverse=True)


def _clean(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    cleaned: str = _redactor.field("text", text)
    return cleaned
