"""Rows that outlive their process: written before the call returns, adopted by whoever lives."""

import os

import pytest

from dcrlog import ConfigError, DropReason
from dcrlog._home import prepare
from dcrlog.testing import ManualClock, RecordingSender, ScriptedSender
from pipelines import assert_balanced, die, put_quietly, segments, until


def row(number):
    return b'{"Message":"row %d"}' % number


def rows(numbers):
    return [row(number) for number in numbers]


def messages(sender):
    return [each["Message"] for each in sender.rows]


def test_nothing_is_made_before_the_first_row_but_the_directory(spooled, home):
    """Which is ours alone."""
    spooled()

    assert list(home.iterdir()) == []
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_row_is_on_the_disk_when_the_call_returns(spooled, home):
    """Nobody has sent it yet."""
    pipeline = spooled()
    put_quietly(pipeline, rows([1]))
    (segment,) = segments(home)

    assert row(1) in segment.read_bytes()
    assert segment.stat().st_mode & 0o777 == 0o600


def test_the_file_goes_when_its_rows_are_delivered(spooled, home):
    """Nothing stays but the owner's file, and that goes at the end."""
    sender = RecordingSender()
    pipeline = spooled(sender)
    for each in rows(range(10)):
        pipeline.put(each)

    assert pipeline.flush(30)
    assert segments(home) == []
    pipeline.begin_exit()
    pipeline.finish_exit()
    assert list(home.iterdir()) == []


def test_rows_of_a_dead_process_are_adopted_with_their_own_stamps(spooled, home):
    """InstanceId and Seq are those under which they were accepted."""
    dead = spooled()
    put_quietly(dead, rows(range(5)))
    die(dead)
    sender = RecordingSender()
    alive = spooled(sender)
    alive.put(b'{"Message":"alive"}')

    assert until(lambda: alive.stats().delivered == 6)
    assert alive.stats().adopted == 5
    adopted = [each for each in sender.rows if each["InstanceId"] == dead.instance_id]
    assert [(each["Seq"], each["Message"]) for each in adopted] == [(n + 1, f"row {n}") for n in range(5)]
    assert until(lambda: segments(home) == [])


def test_rows_of_a_living_process_are_nobody_elses(spooled, home):
    """However long they wait."""
    waiting = spooled()
    put_quietly(waiting, rows(range(5)))
    other = spooled()
    other.put(row(9))

    assert other.flush(30)
    assert other._spool.orphans._find() is None
    assert len(segments(home)) == 1


def test_rows_for_elsewhere_are_left_alone(spooled, home):
    """A spool may serve several rules; nothing on the disk says where rows are sent."""
    dead = spooled(rule_id="dcr-00000000000000000000000000000001")
    put_quietly(dead, rows(range(5)))
    die(dead)
    other = spooled(rule_id="dcr-00000000000000000000000000000002")
    other.put(row(9))

    assert other.flush(30)
    assert other._spool.orphans._find() is None
    assert len(segments(home)) == 1


def test_a_damaged_row_is_counted_and_kept_aside(spooled, home):
    """The others are delivered."""
    dead = spooled()
    put_quietly(dead, rows(range(5)))
    die(dead)
    (segment,) = segments(home)
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b"row 2", b"ROW 2"))
    alive = spooled(sender := RecordingSender())
    alive.put(b'{"Message":"alive"}')

    assert until(lambda: alive.stats().delivered == 5)
    assert alive.stats().dropped == {DropReason.CORRUPT: 1}
    assert alive.stats().adopted == 5
    assert "row 2" not in messages(sender)
    (kept,) = (home / "quarantine").iterdir()
    assert b"ROW 2" in kept.read_bytes()


def test_batches_beyond_a_few_leave_memory_and_are_read_back(spooled):
    """Of 30 batches that wait, memory has a few."""
    pipeline = spooled()
    large = [b'{"Message":"%d%s"}' % (number, b"x" * 900_000) for number in range(30)]
    put_quietly(pipeline, large)

    assert pipeline._queue._waiting.used < 12 * 1024 * 1024
    assert_balanced(pipeline)
    pipeline.put(row(30))
    assert pipeline.flush(30)
    assert pipeline.stats().delivered == 31


def test_a_full_spool_drops_by_policy(spooled):
    """Here the newest rows; nothing is kept in memory instead."""
    pipeline = spooled(ScriptedSender([]), spool_capacity=8 * 1024 * 1024)
    put_quietly(pipeline, [b'{"Message":"%s"}' % (b"x" * 900_000)] * 20)

    stats = pipeline.stats()
    assert stats.dropped[DropReason.QUEUE_FULL] == 20 - stats.pending
    assert 7 <= stats.pending <= 9
    assert stats.unspooled == 0


def test_drop_oldest_makes_room_in_the_spool(spooled, home):
    """The files of the oldest rows go."""
    pipeline = spooled(spool_capacity=8 * 1024 * 1024, on_full="drop_oldest")
    put_quietly(pipeline, [b'{"Message":"%d%s"}' % (number, b"x" * 900_000) for number in range(20)])

    assert pipeline._queue._open.first_seq == 20
    assert sum(each.stat().st_size for each in segments(home)) <= 8 * 1024 * 1024
    assert pipeline.stats().dropped[DropReason.QUEUE_FULL] >= 11


def test_rows_stay_in_the_spool_when_the_process_ends(spooled, home):
    """Pending, and not lost."""
    pipeline = spooled(close_timeout=0.1)
    put_quietly(pipeline, rows(range(5)))
    pipeline._queue.drop_rest(DropReason.EXIT)

    assert pipeline.stats().dropped == {}
    assert pipeline.stats().pending == 5
    assert len(segments(home)) == 1


def test_what_was_written_is_synced_twice_a_second(spooled):
    """By a thread of its own, though nobody delivers."""
    clock = ManualClock()
    pipeline = spooled(ScriptedSender([503]), clock=clock, fsync=True)
    pipeline.put(row(1))
    assert pipeline._spool.is_dirty

    assert until(lambda: clock.advance(0.5) or not pipeline._spool.is_dirty)
    pipeline.put(row(2))
    assert until(lambda: clock.advance(0.5) or not pipeline._spool.is_dirty)
    assert until(lambda: clock.advance(0.5) or not pipeline._syncer.is_running)


def test_a_directory_of_somebody_else_is_refused(tmp_path):
    """Or one that others may write to: rows would be theirs."""
    home = tmp_path / f"dcrlog-{os.geteuid()}"
    home.mkdir(0o777)
    home.chmod(0o777)

    with pytest.raises(ConfigError, match="others have access to it"):
        prepare(tmp_path)


def test_a_link_in_place_of_the_directory_is_refused(tmp_path):
    """It may lead anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"dcrlog-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="no directory"):
        prepare(tmp_path)


def test_a_directory_that_goes_costs_rows_nothing_but_their_place_on_the_disk(spooled, home):
    """They are in memory, and the next segment makes the directory again."""
    import shutil

    pipeline = spooled(sender := RecordingSender())
    put_quietly(pipeline, rows([1]))
    shutil.rmtree(home)
    put_quietly(pipeline, rows([2]))

    pipeline.put(row(3))
    assert pipeline.flush(30)
    pipeline.put(row(4))
    assert pipeline.flush(30)
    assert messages(sender) == ["row 1", "row 2", "row 3", "row 4"]
    assert pipeline.stats().delivered == 4
