"""The functions, by family. Importing this fills the table."""

from dcrlog.kql.functions import (
    bits,
    conditions,
    conversions,
    dates,
    dynamics,
    maths,
    searches,
    special,
    strings,
    types,
    unlisted,
)

__all__ = [
    "bits",
    "conditions",
    "conversions",
    "dates",
    "dynamics",
    "maths",
    "searches",
    "special",
    "strings",
    "types",
    "unlisted",
]
