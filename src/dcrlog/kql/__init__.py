"""The KQL of transformations, carried out here as Azure Monitor does it at ingestion.

A transformation is compiled for the columns of a stream, and then applied to rows. What Azure would refuse
when the rule is created is refused with the place, and in Azure's words where they are known.
"""

from dcrlog.kql._compile import Transformation, compile_transformation
from dcrlog.kql.errors import KqlError

__all__ = ["KqlError", "Transformation", "compile_transformation"]
