"""What `dcrlog send` is asked to do, checked before anything is sent, and done."""

import datetime as dt
import os
import secrets
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dcrlog._clock import SystemClock
from dcrlog._pipeline import Pipeline
from dcrlog.cli.sending.account import account
from dcrlog.cli.sending.bar import shown_progress
from dcrlog.cli.sending.checkpoint import Checkpoint, CheckpointFile
from dcrlog.cli.sending.destination import Destination
from dcrlog.cli.sending.pieces import Format
from dcrlog.cli.sending.refused import Refused
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.settling import Settling
from dcrlog.cli.sending.source import STDIN, Source
from dcrlog.cli.sending.stop import Stop, caught_signals
from dcrlog.cli.sending.work import Work
from dcrlog.errors import ConfigError, shown
from dcrlog.schema import check_column_name

_KEPT_TIME: Final = dt.timedelta(days=2)
"""The service replaces a `TimeGenerated` that is older."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be sent, and where what becomes of it is written.

    Attributes:
        sources: The inputs.
        format: How they are written; None where their beginning tells.
        field: The column that takes a line of plain text; None where records are JSON objects.
        destination: Where rows go.
        checkpoint: The file that says how far it is; None for none.
        rejects: The file for what is rejected.
        patience: Seconds without any row settled after which it gives up.
    """

    sources: list[Source]
    format: Format | None
    field: str | None
    destination: Destination
    checkpoint: Path | None
    rejects: Path
    patience: float

    def check(self) -> None:
        """Find out whether the parts go together.

        Raises:
            ConfigError: They do not.
        """
        if self.field is None and self.format is Format.TEXT:
            raise ConfigError("plain text needs a column: add --field Message, or another of the stream's.")
        if self.field is not None and self.format is not Format.TEXT:
            raise ConfigError("--field takes lines of plain text. Leave --format out, or make it text.")
        if self.field is not None:
            self._check_field(self.field)
        outputs = [str(path) for path in (self.rejects, self.checkpoint) if path is not None]
        names = [source.name for source in self.sources] + outputs
        # A line that is sent twice is there twice; rejects that are read while they are written have no end.
        files = [name if name == STDIN else os.path.realpath(name) for name in names]
        for name, file in zip(names, files, strict=True):
            if files.count(file) > 1:
                raise ConfigError(
                    f"{shown(name)} is given twice among inputs, --rejects and --checkpoint. Name each once."
                )

    def _check_field(self, field: str) -> None:
        # The service takes a row with a column that nobody declares, and drops the value.
        try:
            check_column_name(field)
        except ConfigError as error:
            raise ConfigError(f"--field: {error}") from None
        declared = self.destination.declared
        if declared is not None and field not in declared:
            raise ConfigError(
                f"--field: the rule's stream has no column {shown(field)}. "
                f"It has: {', '.join(sorted(declared))}."
            )

    def run(self) -> tuple[dict[str, Any], int | None]:
        """Send what is to be sent; return the account, and the signal that has ended it early.

        Raises:
            DcrlogError: It cannot begin.
        """
        self.check()
        asked = Checkpoint(
            destination=self.destination.name,
            sources=[source.path for source in self.sources],
            format=self.format,
            input_id=secrets.token_hex(12),
        )
        with ExitStack() as stack:
            file = None
            if self.checkpoint is not None:
                file = stack.enter_context(closing(CheckpointFile(self.checkpoint)))
            begun = asked if file is None else file.begin(asked)
            for source in self.sources[begun.position.source :]:
                source.check()
            rejects = Rejects(self.rejects, begun.input_id, begun.position.rejects_bytes)
            stack.enter_context(closing(rejects))
            stop = stack.enter_context(caught_signals())
            return self._send(begun, file, rejects, stop), stop.number

    def _send(
        self, begun: Checkpoint, file: CheckpointFile | None, rejects: Rejects, stop: Stop
    ) -> dict[str, Any]:
        destination, refused = self.destination, Refused()
        maker = RowMaker(
            field=self.field,
            numbers=destination.numbers and (*destination.numbers, begun.input_id),
            declared=destination.declared,
            redact=destination.settings.redact,
            oldest=(dt.datetime.now(dt.UTC) - _KEPT_TIME).isoformat(),
        )
        pipeline = Pipeline(destination.settings, dead=refused)
        sizes = [source.size for source in self.sources]
        with shown_progress(None if None in sizes else sum(size or 0 for size in sizes)) as tell:
            settling = Settling(
                pipeline,
                refused=refused,
                rejects=rejects,
                checkpoint=begun,
                file=file,
                most_ahead=destination.most_ahead,
                patience=self.patience,
                clock=SystemClock(),
                stop=stop,
                tell=tell,
            )
            may_grow = file is not None
            work = Work(self.sources, begun, maker=maker, settling=settling, stop=stop, may_grow=may_grow)
            progress = work.run()
        pipeline.close()
        stats = pipeline.stats()
        # Nothing is sent any more behind what the account says.
        pipeline.drop_rest()
        return account(
            progress,
            stats,
            maker,
            begun,
            maybe_delivered=pipeline.stats().maybe_delivered,
            is_stopped=bool(stop),
        )
