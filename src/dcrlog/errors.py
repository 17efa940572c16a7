"""The exceptions that dcrlog raises, and the warning it issues.

They are raised while something is being configured or by the command line. Nothing is ever
raised into a logging call.
"""


class DcrlogError(Exception):
    """Base of every exception that dcrlog raises on purpose."""


class ConfigError(DcrlogError, ValueError):
    """A setting, a rule or a column is wrong. The message names it, its value and the remedy."""


class ConfigWarning(UserWarning):
    """A setting works, but probably not as its author expects."""


def shown(value: object) -> str:
    """Write any value into a message, in at most about 200 characters."""
    try:
        told = repr(value)
    except Exception:  # a hostile __repr__, a tree too deep, an integer of over 4,300 digits
        return f"a value of type {type(value).__name__}"
    return told if len(told) <= 200 else f"{told[:200]}..."


def printable(text: str) -> str:
    """Write every character that does not print, line ends too, as an escape: none can steer a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
