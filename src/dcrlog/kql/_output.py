"""What Azure checks of a transformation's output when the rule is created."""

from collections.abc import Mapping

from dcrlog.kql._types import Type, service_name
from dcrlog.kql.errors import KqlError

_TIME = "TimeGenerated"


def check_output(text: str, columns: Mapping[str, Type], table: Mapping[str, Type] | None) -> tuple[str, ...]:
    """Check the columns that come out, and return those that the table lacks.

    Args:
        text: The transformation.
        columns: What comes out.
        table: The columns of the table; None where they are not known: then only the time is checked.

    Raises:
        KqlError: TimeGenerated is missing, or types differ from the table's.
    """
    whole = (0, len(text))
    if _TIME not in columns:
        reason = f"The output of the transformation must have a column {_TIME} of type datetime."
        raise KqlError("InvalidTransformQuery", reason, text, whole)
    known = {_TIME: Type.DATETIME} if table is None else {_TIME: Type.DATETIME, **table}
    wrong = [
        f"{name} [produced:'{service_name(produced)}', output:'{service_name(known[name])}']"
        for name, produced in columns.items()
        if name in known and known[name] is not produced
    ]
    if wrong:
        # Seen in several repositories; the separator between columns is a guess.
        reason = (
            "Types of transform output columns do not match the ones defined by the output stream: "
            + ", ".join(wrong)
        )
        raise KqlError("InvalidTransformOutput", reason, text, whole)
    return () if table is None else tuple(name for name in columns if name not in known)
