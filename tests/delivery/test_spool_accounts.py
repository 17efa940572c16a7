"""Rows of a spool are kept, left to others or counted: at exit, with little memory, and when damaged."""

import errno
import os
import shutil
import threading

import pytest

from dcrlog import DropReason, _home
from dcrlog._forking import LOCK_GUARD
from dcrlog.testing import Answer, ManualClock, RecordingSender, ScriptedSender
from pipelines import HurriedClock, JudgingSender, assert_balanced, die, put_quietly, segments, until


def row(number):
    return b'{"Message":"row %d"}' % number


def large(number):
    return b'{"Message":"%d%s"}' % (number, b"x" * 900_000)


class WaitingSender(RecordingSender):
    """A service that answers when it is told to."""

    def __init__(self):
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def answer(self, request_id, timeout):
        self.is_asked.set()
        assert self.may_answer.wait(30)
        return Answer(status=204, request_id=request_id)


def end(pipeline):
    pipeline.begin_exit()
    pipeline.finish_exit()


def test_rows_whose_file_is_gone_are_lost_at_exit_and_said(spooled, home, capsys):
    """They are not left to anybody; nor are those of the file that was being written."""
    pipeline = spooled(JudgingSender(lambda rows: 503), clock=HurriedClock(100))
    put_quietly(pipeline, map(large, range(12)))
    shutil.rmtree(home)
    end(pipeline)

    dropped = pipeline.stats().dropped
    # Those that a sender has looked for on the disk meanwhile are corrupt.
    assert set(dropped) <= {DropReason.EXIT, DropReason.CORRUPT}
    assert sum(dropped.values()) == 12
    assert pipeline.stats().pending == 0
    lost = dropped[DropReason.EXIT]
    assert f"{lost} rows were not delivered when the process ended" in capsys.readouterr().err


def test_rows_left_at_exit_are_pending_and_not_flushed(spooled, home):
    """Whoever comes next delivers them; `flush` cannot say that all is settled."""
    pipeline = spooled(JudgingSender(lambda rows: 503), clock=HurriedClock(100))
    put_quietly(pipeline, map(row, range(3)))
    end(pipeline)

    assert pipeline.stats().dropped == {}
    assert pipeline.stats().pending == 3
    assert not pipeline.flush(0)
    assert len(segments(home)) == 1


@pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest", "block"])
def test_little_memory_drops_nothing_while_the_spool_has_room(spooled, on_full):
    """What waits is then on the disk only."""
    clock = ManualClock()
    pipeline = spooled(
        ScriptedSender([]), clock=clock, capacity=2 * 1024 * 1024, on_full=on_full, block_timeout=0
    )
    for number in range(30):
        pipeline._room.put(large(number)) if on_full == "block" else pipeline._queue.put(large(number))

    assert pipeline.stats().dropped == {}
    assert pipeline._queue._waiting.used <= 2 * 1024 * 1024
    assert_balanced(pipeline)


@pytest.mark.parametrize("is_adopted", [False, True])
def test_bytes_damaged_while_they_wait_are_kept(spooled, home, is_adopted):
    """The rows around them are delivered, before the file goes."""
    clock = ManualClock()
    pipeline = spooled(sender := RecordingSender(), clock=clock)
    put_quietly(pipeline, map(large, range(12)))
    if is_adopted:
        die(pipeline)
        pipeline = spooled(sender, clock=clock)
        while pipeline._adoption.adopt() or pipeline.stats().adopted < 12:
            clock.advance(0.1)
    away = [batch.segment.path for batch in pipeline._queue._waiting if batch.is_away]
    damaged = bytearray(away[0].read_bytes())
    damaged[500_000] ^= 1
    away[0].write_bytes(damaged)
    pipeline.put(row(12))
    pipeline._queue.request_flush()

    assert until(lambda: clock.advance(1.0) or pipeline.stats().pending == 0)
    assert pipeline.stats().dropped == {DropReason.CORRUPT: 1}
    (kept,) = (home / "quarantine").iterdir()
    assert kept.read_bytes() == damaged
    assert until(lambda: clock.advance(1.0) or segments(home) == [])


def test_zeros_where_rows_were_synced_too_late_are_corrupt(spooled, home):
    """A loss of power keeps the length of a sealed segment, and not what was written last."""
    dead = spooled()
    put_quietly(dead, [b'{"Message":"%d%s"}' % (number, b"x" * 1_000) for number in range(100)])
    dead._queue._seal()
    die(dead)
    (segment,) = segments(home)
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-5_000] + bytes(5_000))
    alive = spooled(sender := RecordingSender())
    alive.put(row(1))

    assert until(lambda: alive.stats().adopted and not alive.stats().pending)
    assert len(sender.rows) == 1 + 95
    # The row that the zeros cut, and one more at least of those behind it.
    assert alive.stats().dropped == {DropReason.CORRUPT: 2}
    assert len(list((home / "quarantine").iterdir())) == 2


def test_the_exit_awaits_answers_to_rows_of_dead_instances(spooled, home):
    """Or they would be sent again; what is not under way is left to others."""
    for number in range(3):
        dead = spooled()
        put_quietly(dead, [row(number)])
        die(dead)
    clock = ManualClock()
    pipeline = spooled(sender := WaitingSender(), clock=clock, max_senders=1)
    while pipeline.stats().adopted < 3:
        pipeline._adoption.adopt()
        clock.advance(0.1)
    pipeline._senders.start()
    assert sender.is_asked.wait(30)
    pipeline.begin_exit()
    ending = threading.Thread(target=pipeline.finish_exit)
    ending.start()
    clock.wait_for_waiter()
    assert ending.is_alive()
    sender.may_answer.set()
    ending.join(30)

    assert not ending.is_alive()
    assert len(sender.rows) == 1
    assert (pipeline.stats().delivered, pipeline.stats().pending) == (1, 2)
    assert len(segments(home)) == 2
    assert pipeline.stats().maybe_delivered == 0


def test_answers_that_nobody_awaits_may_be_of_rows_that_have_arrived(spooled):
    """At exit, after the deadline."""
    clock = ManualClock()
    pipeline = spooled(sender := WaitingSender(), clock=clock)
    pipeline.put(row(1))
    pipeline._queue.request_flush()
    assert sender.is_asked.wait(30)
    pipeline.begin_exit()
    ending = threading.Thread(target=pipeline.finish_exit)
    ending.start()
    assert until(lambda: clock.advance(1.0) or not ending.is_alive())

    assert pipeline.stats().maybe_delivered == 1
    sender.may_answer.set()


def test_at_most_ten_segments_a_second_are_adopted(spooled):
    """Of however many dead instances."""
    for number in range(25):
        dead = spooled()
        put_quietly(dead, [row(number)])
        die(dead)
    clock = ManualClock()
    pipeline = spooled(clock=clock)
    adopted = []
    for _ in range(20):
        while pipeline._adoption.adopt():
            pass
        adopted.append(pipeline.stats().adopted)
        clock.advance(0.1)

    assert adopted == list(range(1, 21))


def test_dead_instances_are_adopted_while_rows_keep_coming(spooled):
    """A sender that is never idle must not let them wait for ever."""
    dead = spooled()
    put_quietly(dead, [row(0)])
    die(dead)

    def judge(rows):
        if not pipeline.stats().adopted:
            pipeline._queue.put(row(1))
            pipeline._queue.request_flush()
        return 204

    pipeline = spooled(JudgingSender(judge), max_senders=1)
    pipeline.put(row(1))

    assert until(lambda: pipeline.stats().adopted == 1 and pipeline.stats().pending == 0)


def test_a_closed_handler_gives_its_directory_back(spooled, home):
    """And makes it again for a later record."""
    pipeline = spooled(RecordingSender())
    for number in range(2):
        pipeline.put(row(number))
        assert until(lambda: pipeline.flush(30))
        pipeline.close()
        assert list(home.iterdir()) == []

    assert pipeline.stats().delivered == 2


def test_a_pipeline_that_is_gone_holds_no_lock(spooled, home):
    """Whoever forgets to close a handler keeps nobody from its rows."""
    import gc

    from dcrlog._home import OWNER, Lock

    lock = Lock(home.parent / OWNER, create=True)
    with pytest.raises(BlockingIOError):
        Lock(home.parent / OWNER, create=False)
    del lock
    gc.collect()

    Lock(home.parent / OWNER, create=False).release()


def test_no_fork_falls_between_the_taking_of_a_lock_and_its_record(spooled, monkeypatch):
    """The child would keep it, and the rows from everybody, for as long as it lives."""
    guarded = []
    init = _home.Lock.__init__

    def watch(self, *arguments, **options):
        guarded.append(threading.get_ident() in LOCK_GUARD._inside)
        init(self, *arguments, **options)

    monkeypatch.setattr(_home.Lock, "__init__", watch)
    dead = spooled()
    put_quietly(dead, [row(1)])
    die(dead)
    assert spooled()._adoption.adopt()

    assert guarded == [True, True]


def test_a_directory_that_was_not_synced_is_tried_again(spooled, monkeypatch):
    """At the next turn, though no segment has been made since."""
    pipeline = spooled(ScriptedSender([]), clock=ManualClock())
    put_quietly(pipeline, [row(1)])
    real, synced = os.fsync, []

    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        pipeline._spool.sync()
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)) or real(descriptor)
    )
    pipeline._spool.sync()

    inodes = {each.st_ino for each in synced}
    wanted = (pipeline._spool._directory.path, pipeline._spool.home, pipeline._spool.home.parent)
    assert {path.stat().st_ino for path in wanted} <= inodes


def test_losses_of_a_dead_instance_are_told_under_its_id(spooled, home):
    """Refused, damaged, or of unknown number: its gaps have their reasons, whoever tells them."""
    dead = spooled()
    put_quietly(dead, [row(number) for number in range(10)])
    dead._queue._seal()
    die(dead)
    (segment,) = segments(home)
    whole = segment.read_bytes()
    damaged = bytearray(whole[:-20] + bytes(20))
    damaged[whole.index(b"row 3")] ^= 1
    segment.write_bytes(damaged)
    sender = JudgingSender(lambda rows: 400 if any(each["Message"] == "row 5" for each in rows) else 204)
    clock = ManualClock()
    alive = spooled(sender, clock=clock)
    alive.put(row(100))

    def told():
        rows = [each for rows, status in sender.requests if status == 204 for each in rows]
        found = [each["Properties"]["dcrlog"] for each in rows if "dcrlog" in (each.get("Properties") or {})]
        return {(each["instance_id"], each["reason"]): (each["count"], each["ranges"]) for each in found}

    assert until(lambda: clock.advance(0.5) or len(told()) == 2)
    assert told() == {
        (dead.instance_id, "rejected"): (1, [[6, 6]]),
        # Damaged bytes do not say which rows they were.
        (dead.instance_id, "corrupt"): (2, []),
    }
    assert alive.stats().dropped == {DropReason.CORRUPT: 2}
    assert alive.stats().dead_lettered == 1
    assert_balanced(alive)
