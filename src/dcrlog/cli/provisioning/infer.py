"""Columns of rows that somebody has: names and types, and where the rows disagree. Pure."""

import datetime as dt
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcrlog.errors import ConfigError, printable
from dcrlog.schema import MAX_NAME_LENGTH, RESERVED_NAMES, Column, ColumnType, check_column_name

_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}", re.ASCII)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")
TIME: Final = "TimeGenerated"
_NO_COLUMN: Final = (
    "the sample has no row with a column that Azure Monitor would take. Give rows whose members have names "
    "of 2 to 45 ASCII letters, digits and underscores."
)


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the rows say.

    Attributes:
        columns: In the order in which they were seen, with `TimeGenerated` as the first.
        remarks: What somebody has to look at.
    """

    columns: tuple[Column, ...]
    remarks: tuple[str, ...]


def infer(rows: Iterable[Mapping[str, Any]]) -> Inferred:
    """Find the columns that take these rows.

    A whole number is a long, for a column cannot be widened later. Text is a datetime where every one of
    them is. Where rows disagree the column takes them all: as string, or as dynamic where containers are
    among them.

    Raises:
        ConfigError: There is no row, or no column that Azure would take.
    """
    seen: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row.items():
            seen.setdefault(name, Counter())[_kind(value)] += 1
    columns, remarks = [], []
    taken = set(seen)
    for name, kinds in seen.items():
        try:
            check_column_name(name)
        except ConfigError as error:
            better = _better_name(name, taken)
            taken.add(better)
            told = printable(str(error)).removesuffix(" Choose another name.")
            remarks.append(f"{told} It is left out: rename it before you send, for instance to {better!r}.")
            continue
        kind, remark = _type_of(kinds)
        if name == TIME and kind is not ColumnType.DATETIME:
            raise ConfigError(
                f"{TIME} must be a datetime in every row; it is {_told(kinds)}. Write it as in "
                "2026-01-31T12:00:00Z, or rename it before you send."
            )
        columns.append(Column(name, kind))
        remarks += [f"column {name!r}: {remark}"] if remark else []
    if not columns:
        raise ConfigError(" ".join([_NO_COLUMN, *remarks]))
    if TIME not in seen:
        columns.insert(0, Column(TIME, ColumnType.DATETIME))
        times = [column.name for column in columns[1:] if column.type is ColumnType.DATETIME]
        than = f" --time {times[0]} takes it from there." if times else ""
        remarks.append(f"the rows have no {TIME}: they get the time at which they arrive.{than}")
    columns.sort(key=lambda column: column.name != TIME)
    return Inferred(tuple(columns), tuple(remarks))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long" if -(2**63) <= value < 2**63 else "string"
    if isinstance(value, float):
        return "real"
    if isinstance(value, str):
        return "datetime" if _is_time(value) else "string"
    return "dynamic"


def _is_time(value: str) -> bool:
    if not _TIME.match(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _type_of(kinds: Counter[str]) -> tuple[ColumnType, str | None]:
    found = set(kinds) - {"null"}
    if not found:
        return ColumnType.STRING, "every row has null, so it is a string."
    if len(found) == 1:
        return ColumnType(next(iter(found))), None
    if found == {"long", "real"}:
        return ColumnType.REAL, None
    kind = ColumnType.DYNAMIC if "dynamic" in found else ColumnType.STRING
    if found == {"datetime", "string"}:
        return kind, f"not every text is a time ({_told(kinds)}), so it is a string."
    return kind, f"the rows disagree ({_told(kinds)}), so it is {kind}."


def _told(kinds: Counter[str]) -> str:
    return ", ".join(f"{kind} in {count}" for kind, count in kinds.most_common())


def _better_name(name: str, taken: set[str]) -> str:
    made = _NO_NAME.sub("_", name).strip("_")[:MAX_NAME_LENGTH] or "Column"
    if made in RESERVED_NAMES or not made[0].isalpha() or len(made) < 2:
        made = f"Column_{made}"[:MAX_NAME_LENGTH]
    numbered = (f"{made[: MAX_NAME_LENGTH - 4]}_{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([made], numbered) if each not in taken)
