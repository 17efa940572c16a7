"""Where `dcrlog send` sends, as the handler finds it, and what is known of the stream there."""

import dataclasses
import os
import warnings
from collections.abc import Mapping
from typing import Any, Final

from dcrlog import settings
from dcrlog._batch import MAX_BODY_BYTES
from dcrlog._environment import PREFIX
from dcrlog._mapping import DEFAULT_STREAM_NAME, STAMPED
from dcrlog.cli.output import warn

_CAPACITY: Final = 16 * settings.MIB
"""Bytes of rows that may wait, and what they cost in memory."""

_OF_THE_APPLICATION: Final = (
    "ENABLED", "LEVEL", "CAPACITY", "FLUSH_INTERVAL", "CLOSE_TIMEOUT", "ON_FULL", "BLOCK_TIMEOUT", "ON_DROP",
    "ACCOUNT_ROWS", "SPOOL_DIR", "SPOOL_CAPACITY", "FSYNC", "FLUSH_ON_SIGTERM", "COLUMNS",
)  # fmt: skip
"""Variables that speak of the handler in an application, and not of where rows go."""


@dataclasses.dataclass(frozen=True, slots=True)
class Destination:
    """Where rows go.

    Attributes:
        settings: What a pipeline takes.
        numbers: Names of the columns for the input's id and a row's number in it; None where there are none.
        declared: Names of the columns that the stream declares; None where no rule says them.
    """

    settings: settings.Settings
    numbers: tuple[str, str] | None
    declared: frozenset[str] | None

    @property
    def name(self) -> str:
        """What tells it from another."""
        assert self.settings.endpoint is not None
        return f"{self.settings.endpoint.url} {self.settings.rule_id} {self.settings.stream_name}"

    @property
    def most_ahead(self) -> int:
        """Bytes of rows that may be read and not settled: all requests under way, and the next."""
        return (self.settings.max_senders + 1) * MAX_BODY_BYTES


def find_destination(given: Mapping[str, Any]) -> Destination:
    """Find it by options of the command, and the environment.

    Args:
        given: Options of the handler; None for one that is not given.

    Raises:
        ConfigError: There is none, or an option is wrong.
    """
    ours = {PREFIX + name for name in _OF_THE_APPLICATION}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    options = {"account_rows": "never", "capacity": _CAPACITY, "flush_interval": 0.5, "close_timeout": 0.5}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checked = settings.load({**given, **options}, environment)
    for each in caught:
        warn("send", str(each.message))
    has_rule = given["rule"] is not None or bool(environment.get(f"{PREFIX}RULE", "").strip())
    stamped = {column.fields[0]: column.name for column in checked.columns if STAMPED & {*column.fields}}
    numbers = None
    if stamped.keys() == STAMPED and (has_rule or checked.stream_name == DEFAULT_STREAM_NAME):
        numbers = stamped["instance_id"], stamped["seq"]
    # Rows are numbered here, by their place in the input, and not by the queue: those of a second run, too.
    columns = tuple(column for column in checked.columns if not STAMPED & {*column.fields})
    return Destination(
        dataclasses.replace(checked, columns=columns),
        numbers,
        frozenset(column.name for column in checked.columns) if has_rule else None,
    )
