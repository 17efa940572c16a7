"""Tables of options in Markdown, from signatures, docstrings and what the command line is made of."""

import ast
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

from typer.main import get_command

from dcrlog import LogsIngestionHandler, settings
from dcrlog._environment import OFFICIAL_NAMES, PREFIX
from dcrlog.cli import make_app

_UNITS: Final = ("bytes", "seconds", "threads")
_TAKEN: Final[Mapping[object, str]] = {str: "text", Path: "path", int: "number", float: "number"}
_DESTINATION: Final = {"endpoint": "https://shop.ingest.monitor.azure.com", "rule_id": "dcr-" + 32 * "0"}
_KINDS: Final = {
    "PathLike": "path", "Path": "path", "Mapping": "mapping", "Callable": "callable", "Sequence": "sequence",
    "Literal": "str",
}  # fmt: skip
_NOTHING: Final = "\N{EN DASH}"


class Option(NamedTuple):
    """A line of a command's table."""

    names: str
    takes: str
    default: str
    does: str


def table(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    first, *rest = (
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (tuple(heads), *lines)
    )
    return "\n".join((first, "|" + "---|" * first.count(" | ") + "---|", *rest))


def handler_table() -> str:
    """Return the options of the handler, which are those of OpenTelemetry's front ends, too."""
    used = settings.load(_DESTINATION, {})
    lines = []
    for name, parameter, told in _arguments(LogsIngestionHandler):
        is_option = name in settings.OPTIONS
        has_default = is_option and name not in {*_DESTINATION, "columns"}
        does = re.sub(r"\s?\bDefault [^:]+?\.(?=\s|$)| \(default\)", "", told)
        unit = does.partition(" ")[0].lower()
        variables = [PREFIX + name.upper(), OFFICIAL_NAMES.get(name)] if is_option else []
        lines.append(
            (
                f"`{name}`",
                _kind(parameter.annotation),
                _literal(getattr(used, name, None) if has_default else None),
                unit if unit in _UNITS else _NOTHING,
                ", else ".join(f"`{each}`" for each in variables if each) or _NOTHING,
                _prose(does),
            )
        )
    return table(("option", "type", "default", "unit", "variable", "what it does"), lines)


def arguments_table(of: type) -> str:
    """Return the arguments with which an object of a class is made."""
    lines = (
        (f"`{name}`", _kind(parameter.annotation), _literal(parameter.default), _prose(told))
        for name, parameter, told in _arguments(of)
    )
    return table(("argument", "type", "default", "what it does"), lines)


def attributes_table(of: type) -> str:
    """Return the attributes that a class documents."""
    return table(
        ("name", "is"), ((f"`{name}`", _prose(told)) for name, told in _section(of, "Attributes").items())
    )


def commands() -> dict[str, Any]:
    """Return the commands of `dcrlog`, as typer has them."""
    group: Any = get_command(make_app())
    return {name: group.get_command(None, name) for name in group.list_commands(None)}


def command_table(name: str) -> str:
    """Return the options of a command; of one that has commands of its own, with those that take each."""
    command = commands()[name]
    parts = getattr(command, "commands", {"": command})
    takers: dict[Option, list[str]] = {}
    for part, each in parts.items():
        for option in _options(f"{name} {part}".rstrip(), each):
            takers.setdefault(option, []).append(f"`{part}`")
    if parts == {"": command}:
        return table(("option", "takes", "default", "what it does"), takers)
    lines = (
        (option.names, "all" if len(of) == len(parts) else ", ".join(of), *option[1:])
        for option, of in takers.items()
    )
    return table(("option", "of", "takes", "default", "what it does"), lines)


def _options(command: str, told: Any) -> Iterator[Option]:
    types_by_name = get_type_hints(inspect.unwrap(told.callback))
    for each in told.params:
        if not each.help:
            raise ValueError(f"dcrlog {command}: {each.opts[0]} has no help. Write what it does.")
        is_option = each.param_type_name == "option"
        variable = f" Else `{each.envvar}`." if each.envvar else ""
        names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
        default = each.default
        if each.secondary_opts and default is not None:
            default = (each.opts if default else each.secondary_opts)[0]
        yield Option(
            names if is_option else f"`{each.metavar or each.name.upper()}`",
            _taken(types_by_name[each.name], each.metavar if is_option else None),
            f"`{_plain(default)}`" if default is not None and default is not False else _NOTHING,
            _prose(each.help) + variable,
        )


def _taken(kind: Any, word: str | None) -> str:
    """Say what follows the option on the command line: a value of this kind, or what a word stands for."""
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(each for each in get_args(kind) if each is not types.NoneType)
    if get_origin(kind) is list:
        return f"{_taken(get_args(kind)[0], word)}; repeatable"
    if word is not None:
        return f"`{word}`"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{each.value}`" for each in kind)
    return _NOTHING if kind is bool else _TAKEN[kind]


def _arguments(of: type) -> Iterator[tuple[str, inspect.Parameter, str]]:
    """Yield name, parameter and description of each argument; the docstring has them all."""
    told = _section(of, "Args")
    for name, parameter in inspect.signature(of).parameters.items():
        yield name, parameter, told[name]


def _section(of: type, heading: str) -> dict[str, str]:
    """Return what a section of a docstring says of each name, on one line."""
    section = inspect.cleandoc(of.__doc__ or "").partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
    found = re.finditer(r"^    (\w+): (.*(?:\n     .*)*)", section, re.MULTILINE)
    return {each[1]: " ".join(each[2].split()) for each in found}


def _kind(annotation: Any) -> str:
    """Say a type in few words."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    kinds = dict.fromkeys(_words(ast.parse(text, mode="eval").body))
    return ", ".join(kinds)


def _words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.BinOp):
        yield from _words(node.left)
        yield from _words(node.right)
    elif isinstance(node, ast.Subscript):
        yield from _words(node.value)
    elif not isinstance(node, ast.Constant):
        name = ast.unparse(node).rpartition(".")[2]
        yield _KINDS.get(name, name)


def _literal(value: Any) -> str:
    """Write a default as it stands in code; sizes say what they come to."""
    if value in (None, inspect.Parameter.empty, ()):
        return _NOTHING
    size = isinstance(value, int) and value >= 1024 * 1024 and value % (1024 * 1024) == 0
    return f"`{_plain(value)}` ({value // (1024 * 1024)} MiB)" if size else f"`{_quoted(value)}`"


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _plain(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _prose(text: str) -> str:
    """Write a docstring's sentence as the pages have it: values as code, other pages as links."""
    parts = text.split("`")
    # What stands between backticks is code already.
    parts[::2] = [_marked_up(part) for part in parts[::2]]
    return "`".join(parts)


def _marked_up(text: str) -> str:
    text = re.sub(r'"(\w+)"', r'`"\1"`', text)
    return re.sub(r"\bdocs/((\w+\.md)(?:#[\w-]+)?)", r"[\2](\1)", text)
