"""What `dcrlog send` reads ahead of what is settled, and when it gives up: beside a service that we hold."""

import threading
from pathlib import Path

from dcrlog import settings
from dcrlog._clock import SystemClock
from dcrlog._pipeline import Pipeline
from dcrlog.cli.sending.checkpoint import Checkpoint, CheckpointFile
from dcrlog.cli.sending.pieces import Format
from dcrlog.cli.sending.refused import Refused
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.rows import RowMaker
from dcrlog.cli.sending.settling import Settling
from dcrlog.cli.sending.source import Source
from dcrlog.cli.sending.stop import Stop
from dcrlog.cli.sending.work import Work
from pipelines import JudgingSender
from sends import settled, write

MB = 1_000_000


def send(
    tmp_path,
    path,
    sender,
    *,
    tell=lambda _: None,
    patience=60.0,
    clock=None,
    stop=None,
    maker=None,
    rejects=None,
):
    """Send a file by way of a sender; return the progress and the pipeline's accounts."""
    stop, refused = Stop() if stop is None else stop, Refused()
    options = {"columns": {"InstanceId": None, "Seq": None}, "max_senders": 2, "account_rows": "never"}
    checked = settings.load({**options, "flush_interval": 0.01}, {}, needs_endpoint=False)
    pipeline = Pipeline(checked, sender=sender, dead=refused)
    begun = Checkpoint("here", [str(path)], Format.NDJSON, "id")
    file = CheckpointFile(tmp_path / "place")
    settling = Settling(
        pipeline,
        refused=refused,
        rejects=Rejects(rejects or tmp_path / "rejects", "id"),
        checkpoint=begun,
        file=file,
        most_ahead=3 * MB,
        patience=patience,
        clock=clock or SystemClock(),
        stop=stop,
        tell=tell,
    )
    work = Work(
        [Source(str(path))], begun, maker=maker or RowMaker(), settling=settling, stop=stop, may_grow=True
    )
    progress = work.run()
    file.close()
    pipeline.close()
    return progress, pipeline.stats()


class Stalled:
    """Is told the progress; at the second time without any, it sets an event and notes how far it was."""

    def __init__(self):
        self.event = threading.Event()
        self.rows = []

    def __call__(self, progress):
        self.rows.append(progress.pieces)
        if self.rows[-2:] == [progress.pieces] * 2:
            self.event.set()


def test_reading_waits_for_the_oldest_batch_so_that_a_kill_makes_few_rows_arrive_twice(tmp_path):
    """While others pass it by. The bound is in bytes of rows; one batch more than may be under way."""
    row = {"Message": "x" * 986}
    path = write(tmp_path / "a.ndjson", [{"Message": "first" + "x" * 981}, *[row] * 9_999])
    stalled = Stalled()

    def judge(rows):
        if rows[0]["Message"].startswith("first"):
            assert stalled.event.wait(60)
        return 204

    progress, stats = send(tmp_path, path, JudgingSender(judge), tell=stalled)

    assert (progress.rows, stats.delivered, settled(tmp_path / "place")) == (10_000, 10_000, 10_000)
    ahead = next(
        rows for rows, again in zip(stalled.rows, stalled.rows[1:], strict=False) if rows == again > 0
    )
    assert ahead == 3 * MB // 1_000


def test_a_row_that_others_must_pass_gets_some_that_do(tmp_path):
    """Where it fails alone it is given up after others have passed between: reading does not stop for it."""
    rows = [{"Message": "first" + "x" * 981}, *[{"Message": "x" * 986}] * 4_999]
    all_that_may_be_ahead = 3 * MB // 999
    has_passed = threading.Event()
    seen = []

    def judge(rows):
        is_first = rows[0]["Message"].startswith("first")
        assert not is_first or has_passed.wait(60)
        seen.extend(rows)
        if len(seen) + 999 > all_that_may_be_ahead:
            has_passed.set()
        return 204

    progress, stats = send(tmp_path, write(tmp_path / "a.ndjson", rows), JudgingSender(judge))

    assert (progress.gave_up, stats.delivered) == (False, 5_000)


def test_it_gives_up_after_so_many_seconds_without_any_row_settled(tmp_path):
    """And says so; what it has read stays before the checkpoint."""
    path = write(tmp_path / "a.ndjson", [{"Message": "m"}] * 10)
    seen = []

    progress, stats = send(tmp_path, path, JudgingSender(lambda _: 403), tell=seen.append, patience=0.2)

    assert (progress.gave_up, stats.pending, settled(tmp_path / "place")) == (True, 10, 0)


def test_rows_that_are_settled_now_and_then_are_patience_enough(tmp_path):
    """However long the whole takes."""
    path = write(tmp_path / "a.ndjson", [{"Message": "x" * 986}] * 4_000)
    clock = Leaping()

    progress, stats = send(
        tmp_path, path, JudgingSender(lambda _: clock.leap(50.0) or 204), clock=clock, patience=60.0
    )

    assert (progress.gave_up, stats.delivered) == (False, 4_000)
    assert clock.ahead >= 200


def test_a_wait_for_input_costs_no_patience(tmp_path):
    """Nobody could settle what was not read yet."""
    clock = Leaping()
    maker = RowMaker(redact=lambda row: clock.leap(100.0) or row)

    path = write(tmp_path / "a.ndjson", [{"Message": "m"}])
    progress, stats = send(tmp_path, path, JudgingSender(lambda _: 204), clock=clock, maker=maker)

    assert (progress.gave_up, stats.delivered) == (False, 1)


def test_nothing_more_is_read_once_what_is_refused_cannot_be_kept(tmp_path):
    """No checkpoint could pass it."""
    path = write(tmp_path / "a.ndjson", [{"Message": "poison"}, *[{"Message": "x" * 986}] * 9_999])
    sender = JudgingSender(lambda rows: 400 if rows[0]["Message"] == "poison" else 204)

    progress, _ = send(tmp_path, path, sender, rejects=Path("/dev/full"))

    assert (progress.gave_up, progress.rows < 10_000, settled(tmp_path / "place")) == (False, True, 0)
    assert "the file of rejects '/dev/full' cannot be written: No space left" in progress.failure


def test_the_end_of_the_input_waits_for_what_is_under_way_only_a_while_once_a_signal_has_come(tmp_path):
    """Five seconds."""
    path = write(tmp_path / "a.ndjson", [{"Message": "m"}] * 10)
    clock, stop = Leaping(), Stop()

    def judge(_):
        stop.number = 15
        clock.leap(5.0)
        return 403

    progress, stats = send(tmp_path, path, JudgingSender(judge), clock=clock, stop=stop)

    assert (progress.gave_up, stats.pending > 0) == (False, True)


class Leaping(SystemClock):
    """The real clock, which others can set forward."""

    def __init__(self):
        self.ahead = 0.0

    def leap(self, seconds):
        self.ahead += seconds

    def monotonic(self):
        return super().monotonic() + self.ahead
