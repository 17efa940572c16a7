"""The command line. One file a command; this one only puts them together."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import typer

_NEEDS_TOOLS: Final = "The command line needs the extra 'tools': pip install 'dcrlog[tools]'"

_COMMANDS: Final = ("demo", "doctor", "emulator", "provision", "send", "spool", "transform")
"""Each is a module here, with a function of its name, or `make_app` where it has commands of its own."""


def main() -> None:
    """Run the command `dcrlog`."""
    try:
        app = make_app()
        app()
    except ModuleNotFoundError as error:
        # A command imports what it needs when it is called.
        if (error.name or "").partition(".")[0] == "dcrlog":
            raise
        sys.exit(f"{_NEEDS_TOOLS} ({error}).")


def make_app() -> "typer.Typer":
    """Return the command with all its subcommands, each of which is imported when it is asked for."""
    import typer
    from typer.core import TyperGroup
    from typer.main import get_command

    class Commands(TyperGroup):
        # The server of the emulator takes half a second to import, and most commands need none.
        def list_commands(self, *_: object) -> list[str]:
            return list(_COMMANDS)

        def get_command(self, _: object, cmd_name: str):  # type: ignore[no-untyped-def]  # click's own type
            if cmd_name not in _COMMANDS:
                return None
            module = import_module(f"dcrlog.cli.{cmd_name}")
            if hasattr(module, "make_app"):
                app = module.make_app()
            else:
                app = typer.Typer(add_completion=False)
                app.command(cmd_name)(getattr(module, cmd_name))
            command = get_command(app)
            command.name = cmd_name
            return command

    app = typer.Typer(
        cls=Commands,
        help="Carry Python log records into Azure Monitor Logs tables.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)
    return app
