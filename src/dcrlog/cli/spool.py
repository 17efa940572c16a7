"""`dcrlog spool`: what is in a spool, whether it is whole, and what is to become of it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dcrlog._letters import DEAD, Letter
from dcrlog._quarantine import QUARANTINE
from dcrlog.cli import spool_files, spool_purge, spool_send
from dcrlog.cli.options import AsJson, Directory
from dcrlog.cli.output import give_up, print_json, say
from dcrlog.cli.spool_files import Instance
from dcrlog.cli.spool_output import print_table, row_of
from dcrlog.errors import ConfigError, shown


def make_app() -> typer.Typer:
    """Return the command with its subcommands."""
    app = typer.Typer(
        help="See what is in a spool, check it, deliver it or delete it. Safe beside running processes.",
        no_args_is_help=True,
        add_completion=False,
    )
    app.command("list")(list_spool)
    app.command("show")(show)
    app.command("verify")(verify)
    app.command("drain")(spool_send.drain)
    app.command("retry")(spool_send.retry)
    app.command("purge")(spool_purge.purge)
    return app


def find_home(command: str, directory: Path | None) -> Path | None:
    """Return the spool's own directory, or end with what is wrong."""
    try:
        return spool_files.find_home(directory)
    except ConfigError as error:
        give_up(f"spool {command}", error)


def list_spool(directory: Directory = None, *, as_json: AsJson = False) -> None:
    """List the instances that have rows, dead letters and quarantine."""
    home = find_home("list", directory)
    told = [] if home is None else [_summary(each) for each in spool_files.instances(home)]
    dead, quarantine = _count_letters(home), _count_files(home)
    if as_json:
        print_json({"spool": str(directory), "instances": told, "dead_letters": dead, QUARANTINE: quarantine})
        return
    names = ("instance", "state", "destination", "segments", "rows", "bytes", "oldest", "damaged")
    print_table(
        str(home or directory), dict.fromkeys(names, False), ([each[name] for name in names] for each in told)
    )
    unreadable = f", {dead['unreadable']} that cannot be read" if dead["unreadable"] else ""
    since = f", since {dead['oldest']}" if dead["oldest"] else ""
    say(f"dead letters: {dead['count']}, {dead['bytes']:,} bytes{since}{unreadable}")
    say(f"quarantine: {quarantine['count']} files, {quarantine['bytes']:,} bytes")


def _summary(instance: Instance) -> dict[str, Any]:
    found = [
        (each.name, each.size, len(each.rows), bool(each.damages)) for each in spool_files.segments(instance)
    ]
    return {
        "instance": instance.instance_id,
        "state": "alive" if instance.is_alive else "dead",
        "destination": instance.destination,
        "segments": len(found),
        "rows": sum(rows for _, _, rows, _ in found),
        "bytes": sum(size for _, size, _, _ in found),
        "oldest": min((at for name, *_ in found if (at := spool_files.created(name))), default=None),
        "damaged": sum(is_damaged for *_, is_damaged in found),
    }


def _count_letters(home: Path | None) -> dict[str, Any]:
    found = (
        [] if home is None else [(name, size, each is None) for name, size, each in spool_files.letters(home)]
    )
    return {
        "count": len(found),
        "bytes": sum(size for _, size, _ in found),
        "oldest": spool_files.created(found[0][0]) if found else None,
        "unreadable": sum(is_unreadable for _, _, is_unreadable in found),
    }


def _count_files(home: Path | None) -> dict[str, int]:
    sizes = [] if home is None else [status.st_size for _, status in spool_files.files(home / QUARANTINE)]
    return {"count": len(sizes), "bytes": sum(sizes)}


def show(
    directory: Directory = None,
    *,
    instance: Annotated[
        str | None, typer.Option(help="Only the rows of this instance: its id, or how that begins.")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters instead.")] = False,
    limit: Annotated[int, typer.Option(min=0, max=2**31, help="So many rows at most; 0 for all.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show rows that wait in the spool, or dead letters; with --json one object a line."""
    home = find_home("show", directory)
    wanted = instance or ""
    rows: Iterator[dict[str, Any]] = iter(())
    if home is not None:
        rows = _dead_rows(home, wanted) if dead else _waiting_rows(home, wanted)
    some = itertools.islice(rows, limit or None)
    if as_json:
        for each in some:
            print_json(each)
        return
    columns = dict.fromkeys(
        ("time", "status", "code", "instance", "seq") if dead else ("instance", "seq"), False
    )
    columns |= {"message": True, "row": True} if dead else {"row": True}
    print_table(f"{home or directory}", columns, ([_cell(each, name) for name in columns] for each in some))


def _cell(told: dict[str, Any], name: str) -> object:
    value = told[name]
    if not isinstance(value, dict):
        return value
    # Without what the other columns say already.
    known = {told["instance"], told["seq"]}
    return ", ".join(f"{key}={each}" for key, each in value.items() if not _is_known(each, known))


def _is_known(value: object, known: set[object]) -> bool:
    return isinstance(value, str | int) and value in known


def _waiting_rows(home: Path, wanted: str) -> Iterator[dict[str, Any]]:
    for instance in _chosen(home, wanted):
        for segment in spool_files.segments(instance):
            for frame in segment.rows:
                yield {
                    "instance": instance.instance_id,
                    "seq": frame.seq,
                    "segment": segment.name,
                    "row": row_of(frame.row),
                }


def _chosen(home: Path, wanted: str) -> list[Instance]:
    found = [each for each in spool_files.instances(home) if each.instance_id.startswith(wanted)]
    if wanted and not found:
        give_up(
            "spool show", f"no instance {shown(wanted)} has rows. `dcrlog spool list` names those that have."
        )
    return found


def _dead_rows(home: Path, wanted: str) -> Iterator[dict[str, Any]]:
    is_any = not wanted
    for _, _, letter in spool_files.letters(home):
        if letter is not None and letter.instance_id.startswith(wanted):
            is_any = True
            yield _told_letter(letter)
    if not is_any:
        give_up("spool show", f"no instance {shown(wanted)} has dead letters.")


def _told_letter(letter: Letter) -> dict[str, Any]:
    return {
        "time": letter.time,
        "status": letter.status,
        "code": letter.code,
        "message": letter.message,
        "destination": letter.destination,
        "instance": letter.instance_id,
        "seq": letter.seq,
        "row": row_of(letter.row_bytes()),
    }


def verify(directory: Directory = None, *, as_json: AsJson = False) -> None:
    """Read every segment and every dead letter; end with status 1 where one is damaged."""
    home = find_home("verify", directory)
    count, rows = 0, 0
    damages: list[dict[str, str]] = []
    for instance in [] if home is None else spool_files.instances(home):
        for segment in spool_files.segments(instance):
            count += 1
            rows += len(segment.rows)
            where = f"{instance.directory.name}/{segment.name}"
            damages += [{"file": where, "damage": each} for each in segment.damages]
    letters = 0
    for name, _, letter in () if home is None else spool_files.letters(home):
        letters += 1
        if letter is None:
            damages.append({"file": f"{DEAD}/{name}", "damage": "it is no dead letter that can be read"})
    if as_json:
        print_json({"segments": count, "rows": rows, "dead_letters": letters, "damages": damages})
    else:
        if damages:
            print_table("damage", {"file": False, "damage": False}, (each.values() for each in damages))
        say(f"{count} segments with {rows} rows, {letters} dead letters: {len(damages) or 'no'} damage")
    raise typer.Exit(1 if damages else 0)
