"""What Azure Resource Manager refuses when a rule is created, with its codes and, where seen, its texts."""

from dataclasses import dataclass
from typing import Any

from dcrlog.errors import ConfigError
from dcrlog.kql import KqlError
from dcrlog.rules import NoTable


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong with a rule.

    Attributes:
        code: Azure's code for it.
        message: Azure's text, or one with its meaning.
        target: The place in the rule; empty where Azure names none.
    """

    code: str
    message: str
    target: str = ""

    def show(self) -> dict[str, str]:
        """Return the entry of `details` in the answer."""
        return {"code": self.code, "message": self.message} | ({"target": self.target} if self.target else {})


class RuleRefused(ConfigError):  # noqa: N818 - an answer, as `Refusal` is
    """Azure would not create this rule.

    Attributes:
        details: What is wrong, the first one being what `str()` tells too.
    """

    def __init__(self, *details: Detail) -> None:
        first = details[0]
        place = f" ({first.target})" if first.target else ""
        super().__init__(f"{first.code}: {first.message}{place}")
        self.details = details


def error_body(error: ConfigError) -> dict[str, Any]:
    """Return the answer of Azure Resource Manager to a rule that it does not create."""
    if isinstance(error, RuleRefused):
        details = error.details
    elif isinstance(error, NoTable):
        details = (no_table(error.output_stream, error.destination, error.flow),)
    else:
        details = (Detail("InvalidRule", str(error)),)
    return {
        "error": {
            "code": "InvalidPayload",
            "message": "Data collection rule is invalid",
            "details": [detail.show() for detail in details],
        }
    }


def no_table(output: str, destination: str, number: int) -> Detail:
    """Seen."""
    message = f"Table for output stream '{output}' is not available for destination '{destination}'."
    return Detail("InvalidOutputTable", message, f"properties.dataFlows[{number}]")


def wrong_types(columns: list[tuple[str, str, str]], number: int) -> Detail:
    """Seen.

    Args:
        columns: Name, produced type and the table's type of each column that does not fit.
        number: The data flow, from 0.
    """
    listed = ", ".join(
        f"{name} [produced:'{_spelled(made)}', output:'{_spelled(wanted)}']" for name, made, wanted in columns
    )
    message = (
        f"Types of transform output columns do not match the ones defined by the output stream: {listed}"
    )
    return Detail("InvalidTransformOutput", message, f"properties.dataFlows[{number}]")


def _spelled(kind: str) -> str:
    return {"datetime": "DateTime", "real": "Double"}.get(kind, kind.capitalize())


def wrong_transformation(error: KqlError, number: int) -> Detail:
    """Seen, for the mistakes that people have reported."""
    return Detail(error.code, str(error), f"properties.dataFlows[{number}]")


def wrong_output(reason: str, number: int) -> Detail:
    """The code is seen for other mistakes of the output."""
    return Detail("InvalidTransformOutput", reason, f"properties.dataFlows[{number}]")


def too_many(what: str, number: int, most: int) -> Detail:
    """The limits are documented, the code and the text are not published."""
    return Detail("InvalidPayload", f"The rule has {number} {what}; at most {most} are allowed.")
