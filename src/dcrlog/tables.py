"""The Azure tables that the Logs Ingestion API accepts, as data.

Source: the Azure Monitor reference page "tables-features" of 2026-09-28 for the names, the pages of
the single tables for columns. Columns are listed only for the tables people send to most.
"""

import functools
import json
from collections.abc import Mapping


@functools.cache
def azure_tables() -> Mapping[str, Mapping[str, str]]:
    """Return column types by column name, by table name; empty where the columns are not listed."""
    # Both on first use: most rules fill a custom table and never ask, and the import costs 10 ms.
    from importlib.resources import files

    text = files("dcrlog").joinpath("azure_tables.json").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = json.loads(text)
    return tables
