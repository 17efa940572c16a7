"""The transformation of a rule's data flow, compiled for a stream and checked against the table."""

from dcrlog.kql._compile import Transformation, compile_transformation
from dcrlog.rules import Flow
from dcrlog.schema import Stream
from dcrlog.tables import azure_tables

UNCHANGED = "source"
"""The transformation of a flow that has none."""


def compile_flow(stream: Stream, flow: Flow, *, strict: bool = True) -> Transformation:
    """Compile what a flow does to the rows of a stream.

    The columns of a custom table are not in the rule, so that only `TimeGenerated` is checked there; those of
    the Azure tables are known, and columns of one's own end in `_CF`.

    Args:
        stream: The stream.
        flow: A flow that takes it.
        strict: Whether to refuse what Azure refuses; else it is carried out, with a warning.

    Raises:
        KqlError: Azure would refuse it, or the engine cannot carry it out.
    """
    known = azure_tables().get(flow.table)
    columns = stream.types
    if flow.transformation is None:
        return compile_transformation(UNCHANGED, columns, strict=strict)
    return compile_transformation(
        flow.transformation, columns, table=known or None, strict=strict, checks_output=True
    )


def dropped_columns(transformation: Transformation) -> tuple[str, ...]:
    """Return the columns that an Azure table lacks, and that are not of the kind one may add."""
    return tuple(name for name in transformation.dropped if not name.endswith("_CF"))
