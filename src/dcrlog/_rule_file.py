"""The file of a rule, read in one way by everything that takes one."""

import os
from pathlib import Path

from dcrlog.errors import ConfigError, shown
from dcrlog.rules import Rule


def read_rule_file(path: str | os.PathLike[str]) -> Rule:
    """Read a rule from its JSON file.

    Raises:
        ConfigError: It cannot be read, or has no usable rule; the message names the file.
    """
    name = shown(str(path))
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"rule file {name} cannot be read: {reason}. Name the rule's JSON file.") from None
    try:
        return Rule.from_json(content)
    except ConfigError as error:
        raise ConfigError(f"rule file {name}: {error}") from None
