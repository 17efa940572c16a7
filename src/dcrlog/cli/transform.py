"""`dcrlog transform`: a rule's transformation, checked and carried out on this machine."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dcrlog._rule_file import read_rule_file
from dcrlog.cli.output import give_up, note, plain, say, write
from dcrlog.errors import ConfigError
from dcrlog.kql import KqlError, Transformation
from dcrlog.kql.flows import compile_flow, dropped_columns
from dcrlog.rules import Flow, Rule

_BATCH = 1_000


def transform(
    *,
    rule: Annotated[
        Path | None, typer.Option(help="JSON file of the rule; rows come from stdin, one JSON object a line.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(help="The stream of the rows; else the rule's only one.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table, where the stream fills several.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="JSON file of a rule: only check its transformations.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Carry out what Azure refuses, with a warning.")
    ] = False,
) -> None:
    """Carry out the transformation of a rule on rows from stdin, or check all transformations of a rule."""
    if (rule is None) == (check is None):
        give_up("transform", "give --rule FILE for rows on stdin, or --check FILE.")
    if check is not None:
        _check(_read_rule(check), strict=not lenient)
        return
    assert rule is not None
    loaded = _read_rule(rule)
    _run(_compile(loaded, _choose(loaded, stream, table), strict=not lenient))


def _read_rule(path: Path) -> Rule:
    try:
        return read_rule_file(path)
    except ConfigError as error:
        give_up("transform", error)


def _check(rule: Rule, *, strict: bool) -> None:
    failed = 0
    for name, flow in _pairs(rule):
        try:
            compiled = compile_flow(rule.stream(name), flow, strict=strict)
        except KqlError as error:
            failed += 1
            say(f"{name} -> {flow.table}: {error.code}")
            write(error.draw())
            continue
        say(f"{name} -> {flow.table}: ok, {', '.join(map(': '.join, compiled.columns.items()))}")
        _tell_of(compiled, flow, write)
    if failed:
        raise typer.Exit(1)


def _pairs(rule: Rule) -> Iterator[tuple[str, Flow]]:
    for flow in rule.flows:
        for name in flow.streams:
            yield name, flow


def _choose(rule: Rule, stream: str | None, table: str | None) -> tuple[str, Flow]:
    found = [
        (name, flow) for name, flow in _pairs(rule) if stream in {None, name} and table in {None, flow.table}
    ]
    if len(found) != 1:
        told = ", ".join(f"{name} -> {flow.table}" for name, flow in _pairs(rule)) or "none"
        reason = f"{len(found)} data flows fit; name one with --stream and --table. The rule has: {told}."
        give_up("transform", reason)
    return found[0]


def _compile(rule: Rule, chosen: tuple[str, Flow], *, strict: bool) -> Transformation:
    name, flow = chosen
    try:
        compiled = compile_flow(rule.stream(name), flow, strict=strict)
    except KqlError as error:
        note(error.draw())
        reason = f"{error.code}: the transformation of {name} -> {flow.table} is refused."
        give_up("transform", reason)
    _tell_of(compiled, flow, note)
    return compiled


def _run(transformation: Transformation) -> None:
    rows: list[dict[str, Any]] = []
    lines = [] if sys.stdin is None else sys.stdin.buffer
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            give_up("transform", f"line {number} is not JSON: {error}.")
        if not isinstance(row, dict):
            give_up("transform", f"line {number} is not a JSON object: a row is one, on a line of its own.")
        rows.append(row)
        if len(rows) == _BATCH:
            _write(transformation, rows)
            rows = []
    _write(transformation, rows)


def _refuse(word: str) -> None:
    raise ValueError(f"it has no {word}")


def _write(transformation: Transformation, rows: list[dict[str, Any]]) -> None:
    for row in transformation.apply(rows):
        write(json.dumps(row, separators=(",", ":"), allow_nan=False))


def _tell_of(compiled: Transformation, flow: Flow, tell: Callable[[str], None]) -> None:
    for warning in compiled.warnings:
        tell(f"warning: {warning.draw()}")
    dropped = dropped_columns(compiled)
    if dropped:
        tell(
            plain(f"warning: {flow.table} lacks these columns, so they are not stored: {', '.join(dropped)}")
        )
