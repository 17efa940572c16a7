"""`dcrlog provision`: a file that makes table, rule, endpoint and role, from the handler's own columns."""

import itertools
import json
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from dcrlog._rule_file import read_rule_file
from dcrlog.cli.output import give_up, note, warn, write
from dcrlog.cli.provisioning import arm, script, terraform
from dcrlog.cli.provisioning.infer import infer
from dcrlog.cli.provisioning.plan import Kind, Plan, plan_columns, plan_preset, plan_rule, plan_sample
from dcrlog.cli.sending.pieces import Piece, cut
from dcrlog.cli.sending.source import FAILURES, Source
from dcrlog.errors import ConfigError, shown

_MOST_ROWS: Final = 100_000


class FileFormat(StrEnum):
    """What deploys the file."""

    ARM = "arm"
    TERRAFORM = "terraform"
    AZ = "az"


_WRITERS: Final = {
    FileFormat.ARM: (arm.write_arm, arm.commands),
    FileFormat.TERRAFORM: (terraform.write_terraform, terraform.commands),
    FileFormat.AZ: (script.write_script, script.commands),
}


def provision(
    *,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="What deploys the file.")
    ] = FileFormat.ARM,
    columns: Annotated[
        Path | None, typer.Option(help="JSON file of the handler's columns=, on top of the default ones.")
    ] = None,
    rule: Annotated[Path | None, typer.Option(help="JSON file of a rule that there is already.")] = None,
    sample: Annotated[
        str | None, typer.Option(help="NDJSON or a JSON array, whose rows say the columns; - for stdin.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="syslog, commonsecuritylog, securityevent, windowsevent or otellogs."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option(help="The rule's own endpoint, or a data collection endpoint.")
    ] = Kind.DIRECT,
    stream: Annotated[
        str | None,
        typer.Option(
            help="The stream's name; else the rule's, the preset's, Custom-Samples or Custom-AppLogs."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="The custom table; else the stream's name and _CL.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="With --sample: the column that says when a row happened.")
    ] = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="With the columns of the OpenTelemetry front ends.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
) -> None:
    """Write what makes the table, the rule, the endpoint and the role for the rows of your program."""
    try:
        _check_together(
            columns=columns, rule=rule, sample=sample, preset=preset, table=table, time=time, otel=otel
        )
        if preset is not None:
            plan = plan_preset(preset, stream=stream, kind=kind, otel=otel)
        elif rule is not None:
            plan = plan_rule(read_rule_file(rule), stream=stream, table=table, kind=kind)
        elif sample is not None:
            plan = plan_sample(infer(_rows(sample)), stream=stream, table=table, kind=kind, time=time)
        else:
            mapping = None if columns is None else _read_columns(columns)
            plan = plan_columns(mapping, stream=stream, table=table, kind=kind, otel=otel)
        _write(plan, file_format, output)
    except ConfigError as error:
        give_up("provision", error)


def _check_together(
    *,
    columns: Path | None,
    rule: Path | None,
    sample: str | None,
    preset: str | None,
    table: str | None,
    time: str | None,
    otel: bool,
) -> None:
    if sum(each is not None for each in (columns, rule, sample, preset)) > 1:
        raise ConfigError("--columns, --rule, --sample and --preset each say the columns: give one of them.")
    if table is not None and not table.endswith("_CL"):
        raise ConfigError(f"--table: {shown(table)} must end in '_CL'. For an Azure table use --preset.")
    if table is not None and preset is not None:
        raise ConfigError("--preset says the table. Leave --table out.")
    if time is not None and sample is None:
        raise ConfigError("--time is a column of --sample. Give both, or leave --time out.")
    if otel and (rule is not None or sample is not None):
        raise ConfigError("--rule and --sample say the columns themselves. Leave --otel out.")


def _write(plan: Plan, file_format: FileFormat, output: Path | None) -> None:
    make, commands = _WRITERS[file_format]
    text = make(plan)
    if output is None:
        write(text.removesuffix("\n"))
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"the file {shown(str(output))} cannot be written: {error.strerror}. "
                "Name another with --output."
            ) from None
    for remark in plan.remarks:
        warn("provision", remark)
    note("\n  ".join(["Deploy it with:", *commands(shlex.quote(str(output or "FILE")))]))


def _read_columns(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"the file {shown(str(path))} cannot be read: {error.strerror}. Name the JSON file of --columns."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"the file {shown(str(path))} is not JSON: {error}. Write what the handler's columns= takes."
        ) from None


def _rows(name: str) -> Iterator[dict[str, Any]]:
    source = Source(name)
    source.check()
    try:
        with source.open() as opened:
            pieces = cut(opened.stream, opened.find_format())
            for piece in itertools.islice(pieces, _MOST_ROWS):
                try:
                    yield _row(piece)
                except ValueError as error:
                    raise ConfigError(
                        f"--sample: {shown(name)}, row {piece.number} is not a JSON object: {error}. "
                        "Mend it, or take it out."
                    ) from None
    except FAILURES as error:
        raise ConfigError(
            f"the file {shown(name)} cannot be read to its end: {error}. Mend it, or name another."
        ) from None


def _row(piece: Piece) -> dict[str, Any]:
    if piece.flaw is not None:
        raise ValueError(piece.flaw)
    try:
        found = msgspec.json.decode(piece.data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if type(found) is not dict:
        raise ValueError(f"it is {shown(found)}")
    return found
