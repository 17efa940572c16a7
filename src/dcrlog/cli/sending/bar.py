"""The bar of `dcrlog send` on a terminal: how much of the input was read, how fast, and how long it takes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcrlog.cli.sending.settling import Progress


@contextmanager
def shown_progress(total: int | None) -> Iterator[Callable[[Progress], None]]:
    """Yield what shows the progress; on anything but a terminal it shows nothing.

    Args:
        total: Bytes of all inputs; None where nobody knows.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rows=0, rate=0.0)

        def show(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = progress.rows / elapsed if elapsed else 0.0
            bar.update(task, completed=progress.read_bytes, rows=progress.rows, rate=rate)

        yield show
