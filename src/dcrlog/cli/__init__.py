"""The command line. One file a command; this one only puts them together."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

_NEEDS_TOOLS = "The command line needs the extra 'tools': pip install 'dcrlog[tools]'"


def main() -> None:
    """Run the command `dcrlog`."""
    try:
        app = make_app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "dcrlog":
            raise
        sys.exit(f"{_NEEDS_TOOLS} ({error}).")
    app()


def make_app() -> "typer.Typer":
    """Return the command with all its subcommands."""
    import typer

    from dcrlog.cli import demo, doctor, emulator, provision, send, spool, transform

    app = typer.Typer(
        help="Carry Python log records into Azure Monitor Logs tables.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("demo")(demo.demo)
    app.command("doctor")(doctor.doctor)
    app.command("emulator")(emulator.emulator)
    app.command("provision")(provision.provision)
    app.command("send")(send.send)
    app.command("transform")(transform.transform)
    app.add_typer(spool.make_app(), name="spool")
    return app
