"""Functions that search: by pattern, and by plain text."""

import re
from functools import partial
from typing import Any, Final

from dcrlog.kql._casts import CASTS
from dcrlog.kql._dynamic import MAX_TEXT, bounded, cut
from dcrlog.kql._table import Call, function, plain
from dcrlog.kql._typed import Const, Typed, TypeName, apply, const
from dcrlog.kql._types import Type
from dcrlog.kql.regex import Regex, RegexError, compile_regex

_FAMILY = "String"
_REFERENCE: Final = re.compile(r"\\(\d|\\)")


def constant_regex(call: Call, number: int) -> Regex:
    """Return the compiled pattern of an argument.

    Raises:
        MistakeError: It is no constant, or no pattern.
    """
    pattern = call.arguments[number]
    if not isinstance(pattern, Const):
        raise call.refuse("The expression must be a constant.", number)
    try:
        return compile_regex(pattern.value)
    except RegexError as error:
        raise call.refuse(f"invalid regular expression: {error}", number) from None


def try_regex(pattern: str) -> Regex | None:
    """Return the compiled pattern of a row, or None where it is none."""
    try:
        return compile_regex(pattern)
    except RegexError:
        return None


@function(
    "extract(string, long, string, any?) -> string",
    family=_FAMILY,
    note="with typeof(): null without a match",
)
def extract(call: Call) -> Typed:
    """Return what a group of a pattern matches, and convert it."""
    regex = constant_regex(call, 0)
    _, group, text, *rest = call.arguments
    result = Type.STRING
    if rest:
        if not isinstance(rest[0], TypeName):
            raise call.refuse("the fourth argument is a type: typeof(long)", 3)
        result = rest[0].type
    convert = None if result is Type.STRING else CASTS[(Type.STRING, result)]

    def find(number: int, source: str) -> Any:
        found = regex.find(source, number)
        if convert is None:
            return found or ""
        return None if found is None else convert(found)

    if isinstance(group, Const) and group.value is not None and not 0 <= group.value <= regex.groups:
        call.warn(f"the pattern has {regex.groups} groups, and none of number {group.value}.", call.spans[1])
    return apply(find, [group, text], result, may_fail=result is not Type.STRING)


@function(
    "extract_all(string, any, string?) -> dynamic",
    family=_FAMILY,
    note="1 to 16 groups; with several, an array for each match; null without a match",
)
def extract_all(call: Call) -> Typed:
    """Return every match of the groups."""
    regex = constant_regex(call, 0)
    if not 1 <= regex.groups <= 16:
        raise call.refuse("the pattern must have between 1 and 16 groups", 0)
    groups = list(range(1, regex.groups + 1))
    text = call.arguments[-1]
    if len(call.arguments) == 3:
        groups = _chosen(call, regex)
    if text.type not in {Type.STRING, Type.DYNAMIC}:
        raise call.refuse("The expression must have one of the types: string or dynamic", -1)
    source = (
        text if text.type is Type.STRING else apply(CASTS[(Type.DYNAMIC, Type.STRING)], [text], Type.STRING)
    )

    def find(searched: str) -> Any:
        found = [
            [
                searched[spans[2 * group] : spans[2 * group + 1]] if spans[2 * group] >= 0 else ""
                for group in groups
            ]
            for spans in regex.every(searched)
        ]
        if not found:
            return None
        return bounded([each[0] for each in found] if len(groups) == 1 else found)

    return apply(find, [source], Type.DYNAMIC, may_fail=True)


def _chosen(call: Call, regex: Regex) -> list[int]:
    wanted = call.arguments[1]
    listed = wanted.value if isinstance(wanted, Const) else None
    if not isinstance(listed, list) or not listed:
        raise call.refuse("the groups must be a constant array: dynamic([1, 2])", 1)
    numbers = [regex.names.get(each, 0) if isinstance(each, str) else each for each in listed]
    if not all(isinstance(each, int) and 1 <= each <= regex.groups for each in numbers):
        raise call.refuse(f"the pattern has {regex.groups} groups, and not all of {listed}", 1)
    return numbers


@function("countof(string, string, const?) -> long", family=_FAMILY, note="plain matches may overlap")
def countof(call: Call) -> Typed:
    """Count how often a text or a pattern occurs."""
    kind = call.arguments[2] if len(call.arguments) == 3 else const(Type.STRING, "normal")
    if not isinstance(kind, Const) or kind.value not in {"normal", "regex"}:
        raise call.refuse("the kind is 'normal' or 'regex'", 2)
    if kind.value == "normal":
        return apply(_count, call.arguments[:2], Type.LONG)
    if isinstance(call.arguments[1], Const):
        constant_regex(call, 1)
    return apply(_count_matches, call.arguments[:2], Type.LONG)


def _count(text: str, wanted: str) -> int:
    count, place = 0, text.find(wanted) if wanted else -1
    while place >= 0:
        count += 1
        place = text.find(wanted, place + 1)
    return count


def _count_matches(text: str, pattern: str) -> int:
    regex = try_regex(pattern)
    return 0 if regex is None else sum(1 for _ in regex.every(text))


_split = partial(plain, family=_FAMILY)


@_split(
    "split(string, string, long?) -> dynamic", note="with an index, an array of that part, or an empty one"
)
def split(text: str, delimiter: str, index: int | None = None) -> list[str]:
    """Split at a delimiter."""
    parts = text.split(delimiter) if delimiter else [text]
    if index is None:
        return parts
    return [parts[index]] if 0 <= index < len(parts) else []


@function(
    "replace(string, string, text) -> string",
    family=_FAMILY,
    standing="taken",
    evidence="field",
    note=r"pattern, replacement with \1, text: in this order",
)
def replace(call: Call) -> Typed:
    """Replace every match of a pattern."""
    return replacing(constant_regex(call, 0), *call.arguments[1:])


def replacing(regex: Regex, replacement: Typed, text: Typed) -> Typed:
    """Make an expression that replaces every match of a pattern."""

    def compute(pattern: str, source: str) -> str:
        if "\\" in pattern:
            return cut(regex.replace(source, lambda spans: _expanded(pattern, source, spans), MAX_TEXT))
        most = MAX_TEXT // len(pattern) + 1 if pattern else MAX_TEXT
        return cut(regex.replace(source, lambda _: pattern, most))

    return apply(compute, [replacement, text], Type.STRING)


def _expanded(pattern: str, source: str, spans: tuple[int, ...]) -> str:
    def group(found: re.Match[str]) -> str:
        if found[1] == "\\":
            return "\\"
        first = 2 * int(found[1])
        return source[spans[first] : spans[first + 1]] if first < len(spans) and spans[first] >= 0 else ""

    return _REFERENCE.sub(group, pattern)
