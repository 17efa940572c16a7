"""The operator parse: a text is taken apart at the strings between its columns."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from dcrlog.kql import _tree as tree
from dcrlog.kql._casts import CASTS
from dcrlog.kql._scanner import make_scan
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError
from dcrlog.kql.regex import Regex, RegexError, compile_regex, escape

Take = Callable[[str], Sequence[Any]]

_FLAGS: Final = re.compile("[imsUx]*")
_NUMBERS: Final = {
    Type.INT: r"[-+]?\d+",
    Type.LONG: r"[-+]?\d+",
    Type.REAL: r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?",
}


def captures(node: tree.Parse) -> list[tree.Capture]:
    """Return the columns of the operator."""
    return [part for part in node.parts if isinstance(part, tree.Capture)]


def make_parser(node: tree.Parse) -> Take:
    """Return what takes a text apart: one value for each column, all null where the text does not match.

    Raises:
        MistakeError: The parts do not go together, or are no pattern.
    """
    _check(node)
    columns = captures(node)
    nothing = [_null(each.type) for each in columns]
    if node.kind == "regex":
        regex, groups = _user_regex(node)
    else:
        regex, groups = _plain_regex(node)
    convert = _converter(columns, nothing, is_relaxed=node.kind == "relaxed")
    numbers = _NUMBERS if node.kind == "simple" else {}
    scan = None if node.kind == "regex" else make_scan(node.parts, numbers)
    # Where a number has to follow, a later place may fit; strings fit at the first place, or nowhere.
    scan_strings = None if node.kind == "regex" else make_scan(node.parts, {})

    def take(text: str) -> Sequence[Any]:
        if scan is not None and (found := scan(text)) is not None:
            return convert(found)
        if scan_strings is not None and scan_strings(text) is None:
            return nothing
        spans = regex.search(text)
        if spans is None:
            return nothing
        return convert([text[spans[2 * group] : spans[2 * group + 1]] for group in groups])

    return take


def _check(node: tree.Parse) -> None:
    before: tree.Node | None = None
    for part in node.parts:
        if isinstance(before, tree.Capture) and isinstance(part, tree.Capture):
            raise MistakeError("The column name must follow a string literal", part.at)
        if isinstance(before, tree.Capture) and isinstance(part, tree.Skip) and before.type is Type.STRING:
            raise MistakeError("Using * after parsing a string column is ambiguous.", part.at)
        before = part


def _null(of: Type) -> Any:
    return "" if of is Type.STRING else None


def _converter(
    columns: Sequence[tree.Capture], nothing: Sequence[Any], *, is_relaxed: bool
) -> Callable[[Sequence[str]], Sequence[Any]]:
    casts = [None if each.type is Type.STRING else CASTS[(Type.STRING, each.type)] for each in columns]
    if not any(casts):
        return lambda found: found

    def convert(found: Sequence[str]) -> Sequence[Any]:
        values = [text if cast is None else cast(text) for cast, text in zip(casts, found, strict=True)]
        return values if is_relaxed or None not in values else nothing

    return convert


def _plain_regex(node: tree.Parse) -> tuple[Regex, list[int]]:
    pattern = r"\A"
    for part in node.parts:
        if isinstance(part, tree.Literal):
            pattern += escape(part.value)
        elif isinstance(part, tree.Skip):
            pattern += ".*?"
        elif isinstance(part, tree.Capture):
            is_number = part.type in _NUMBERS and node.kind == "simple"
            pattern += f"({_NUMBERS[part.type] if is_number else '.*?'})"
    return _compiled(pattern + r"\z", "s", node), list(range(1, len(captures(node)) + 1))


def _user_regex(node: tree.Parse) -> tuple[Regex, list[int]]:
    if not _FLAGS.fullmatch(node.flags):
        raise MistakeError(f"'{node.flags}' has a flag that is none of i, m, s, U, x", node.at)
    pattern, groups, count = r"\A", [], 0
    for part in node.parts:
        if isinstance(part, tree.Literal):
            pattern += f"(?:{part.value})"
            count += _compiled(part.value, node.flags, part).groups
        elif isinstance(part, tree.Skip):
            pattern += ".*?"
        elif isinstance(part, tree.Capture):
            count += 1
            groups.append(count)
            # Greedy, as the examples of the documentation show; the flag U turns it round.
            pattern += f"({_NUMBERS.get(part.type, '.*')})"
    return _compiled(pattern + r"\z", node.flags, node), groups


def _compiled(pattern: str, flags: str, node: tree.Node) -> Regex:
    try:
        return compile_regex(pattern, flags)
    except RegexError as error:
        raise MistakeError(f"invalid regular expression: {error}", node.at) from None
