"""Conversions that are called by name."""

from dcrlog.kql._table import Call, Standing, function
from dcrlog.kql._typed import Typed, cast
from dcrlog.kql._types import Type

_NOTES = {
    "toint": "cuts a fraction off; null beyond 32 bits, and for text that is no integer",
    "tolong": "cuts a fraction off; null beyond 64 bits, and for text that is no integer; ticks of a time",
    "tobool": "true, false and numbers, also as text",
    "todatetime": "the documented formats, and, unsure, year/month/day and month/day/year; null for a number",
    "totimespan": "d.hh:mm:ss.fffffff, 5m, or a number of days as text; a number is one of ticks",
    "toguid": "32 hexadecimal digits, with or without dashes",
    "tostring": "True, False; seven digits and Z; 1E+20 (unsure); empty for null; JSON for arrays and bags",
}


def _register(name: str, to: Type, kind: str = "any", standing: Standing = "listed") -> None:
    def bind(call: Call) -> Typed:
        return cast(call.arguments[0], to)

    evidence = "documented" if name in {"toguid", "toreal", "todouble"} else "field"
    function(
        f"{name}({kind}) -> {to}",
        family="Conversion" if standing == "listed" else "Not in transformations",
        standing=standing,
        evidence=evidence,  # type: ignore[arg-type]
        note=_NOTES.get(name, ""),
    )(bind)


_register("tobool", Type.BOOL)
_register("todatetime", Type.DATETIME)
_register("todouble", Type.REAL)
_register("toreal", Type.REAL)
_register("toguid", Type.GUID, "text")
_register("toint", Type.INT)
_register("tolong", Type.LONG)
_register("tostring", Type.STRING)
_register("totimespan", Type.TIMESPAN)
_register("toboolean", Type.BOOL, standing="unlisted")
