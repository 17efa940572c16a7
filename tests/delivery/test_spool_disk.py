"""A disk that is full, read-only, broken or gone, and a spool in which somebody has left other things."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dcrlog import Column, ColumnType, ConfigError, ConfigWarning, DropReason, Rule, Stream, _segment
from dcrlog._frames import SEGMENT_BYTES
from dcrlog._home import Lock, network_file_system, prepare
from dcrlog.testing import ManualClock, RecordingSender, ScriptedSender
from pipelines import assert_balanced, die, make_pipeline, put_quietly, segments, until

DISK_FAILURES = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EACCES]


def row(number):
    return b'{"Message":"row %d"}' % number


def rows(numbers):
    return [row(number) for number in numbers]


def large(number):
    return b'{"Message":"%d%s"}' % (number, b"x" * 900_000)


@pytest.fixture
def mount(tmp_path):
    """Mounts file systems, and takes them away again."""
    mounted = []

    def run(*arguments):
        done = subprocess.run(["mount", *map(str, arguments)], check=False, capture_output=True, timeout=30)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
        if not any("remount" in str(argument) for argument in arguments):
            mounted.append(arguments[-1])

    def take_away():
        subprocess.run(["umount", "--lazy", mounted.pop()], check=True, timeout=30)

    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux may mount")
    run.take_away = take_away
    yield run
    while mounted:
        take_away()


def messages(sender):
    return [each["Message"] for each in sender.rows]


def open_descriptors():
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.is_dir() else 0


def failing(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", DISK_FAILURES, ids=errno.errorcode.get)
def test_no_logging_call_notices_a_disk_that_fails(spooled, home, monkeypatch, capsys, number):
    """Rows are in memory, counted, and delivered; people are told once, and the disk is used again."""
    clock = ManualClock()
    pipeline = spooled(sender := RecordingSender(), clock=clock)
    with monkeypatch.context() as broken:
        broken.setattr(os, "posix_fallocate", failing(number), raising=False)
        for each in rows(range(20)):
            put_quietly(pipeline, [each])
            clock.advance(0.3)
        assert pipeline.stats().unspooled == 20
        assert segments(home) == []
    clock.advance(1.0)
    put_quietly(pipeline, rows([20]))

    assert len(segments(home)) == 1
    assert pipeline.stats().unspooled == 20
    pipeline.put(row(21))
    assert pipeline.flush(30)
    assert sorted(messages(sender)) == sorted(f"row {number}" for number in range(22))
    told = capsys.readouterr().err.splitlines()
    assert told == [f"dcrlog: spool {home}: {os.strerror(number)}; rows are kept in memory only"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        *(
            (name, OSError(errno.EIO, "broken"))
            for name in ("fcntl.flock", "mmap.mmap", "os.open", "os.lstat")
        ),
        ("os.statvfs", OSError(errno.EIO, "broken")),
        ("mmap.mmap", ValueError("mmap length is greater than file size")),
    ],
    ids=str,
)
def test_whatever_call_fails_is_not_heard_of_where_rows_are_logged(spooled, monkeypatch, name, error):
    """The row is in memory then."""
    pipeline = spooled(ScriptedSender([]))
    module, function = name.split(".")

    def fail(*arguments, **options):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(sys.modules[module], function, fail)
        put_quietly(pipeline, rows([1]))

    assert pipeline.stats().unspooled == 1
    assert_balanced(pipeline)


def test_trouble_is_told_while_the_service_is_down(spooled, home, monkeypatch, capsys):
    """Though that was told less than a minute ago."""
    clock = ManualClock()
    pipeline = spooled(sender := ScriptedSender([503] * 1_000), clock=clock)
    pipeline.put(row(1))
    assert until(lambda: clock.advance(0.1) or sender.request_ids)
    assert until(lambda: "503" in capsys.readouterr().err)
    monkeypatch.setattr(os, "posix_fallocate", failing(errno.EIO), raising=False)
    told = []
    clock.advance(1.0)

    def is_told():
        pipeline.put(row(2))
        clock.advance(0.3)
        told.extend(line for line in capsys.readouterr().err.splitlines() if "spool" in line)
        return pipeline.stats().accepted > 50

    assert until(is_told)
    assert told == [f"dcrlog: spool {home}: Input/output error; rows are kept in memory only"]


def test_a_disk_of_a_megabyte_is_full_and_rows_are_delivered_all_the_same(spooled, mount, tmp_path, capsys):
    """Its own size does not hold a segment."""
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path)
    pipeline = spooled(sender := RecordingSender())
    for each in rows(range(5)):
        pipeline.put(each)

    assert pipeline.flush(30)
    assert pipeline.stats().unspooled == pipeline.stats().delivered == len(sender.rows) == 5
    assert "No space left on device" in capsys.readouterr().err


def test_a_disk_that_fills_up_is_used_again_when_there_is_room(spooled, mount, tmp_path, home):
    """What is on it already stays and is delivered."""
    clock = ManualClock()
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path)
    pipeline = spooled(sender := RecordingSender(), clock=clock)
    put_quietly(pipeline, [large(number) for number in range(8)])
    spooled_first = len(segments(home))

    assert 1 <= spooled_first < 8
    assert pipeline.stats().unspooled == 8 - spooled_first
    mount("-o", "remount,size=64m", tmp_path)
    clock.advance(1.0)
    put_quietly(pipeline, [large(number) for number in range(8, 12)])
    assert len(segments(home)) == spooled_first + 4
    assert pipeline.flush(30) or until(lambda: pipeline.flush(0))
    assert len(sender.rows) == pipeline.stats().delivered == 12


def test_a_disk_that_becomes_read_only_costs_no_row(spooled, mount, tmp_path, home):
    """And of those that were sent meanwhile no file stays for others to send once more."""
    clock = ManualClock()
    sender = RecordingSender()
    pipeline = spooled(sender, clock=clock)
    put_quietly(pipeline, rows([1]))
    # Mounted over itself: an open mapping would forbid the change of the disk itself.
    mount("--bind", tmp_path, tmp_path)
    mount("-o", "remount,bind,ro", tmp_path)
    pipeline.put(row(2))
    assert pipeline.flush(30)
    put_quietly(pipeline, rows([3]))
    assert pipeline.stats().unspooled == 1
    pipeline.put(row(4))
    assert pipeline.flush(30)
    assert sorted(messages(sender)) == ["row 1", "row 2", "row 3", "row 4"]
    assert len(segments(home)) == 1

    mount.take_away()
    clock.advance(1.0)
    put_quietly(pipeline, rows([5]))
    assert len(segments(home)) == 1
    assert row(5) in segments(home)[0].read_bytes()


def test_a_file_that_cannot_be_deleted_is_nobody_elses_before_it_is(spooled, home, monkeypatch):
    """Its rows are delivered, and its lock is kept."""
    pipeline = spooled(sender := RecordingSender())
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", failing(errno.EROFS))
        pipeline.put(row(1))
        assert pipeline.flush(30)
        pipeline._spool.close()
        other = spooled()
        assert other._spool.orphans._find() is None
    assert len(segments(home)) == 1

    pipeline._spool.close()
    assert list(home.iterdir()) == []
    assert messages(sender) == ["row 1"]


def test_want_of_descriptors_gives_no_lock_away(spooled, home, monkeypatch):
    """A directory that cannot be listed is not an empty one."""
    clock = ManualClock()
    pipeline = spooled(ScriptedSender([]), clock=clock)
    put_quietly(pipeline, [large(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing(errno.EMFILE))
        broken.setattr(os, "listdir", failing(errno.EMFILE))
        broken.setattr(os, "scandir", failing(errno.EMFILE))
        put_quietly(pipeline, [large(2)])

    assert pipeline.stats().unspooled == 1
    assert spooled()._spool.orphans._find() is None


def test_rows_that_cannot_be_read_now_wait(spooled, home, monkeypatch):
    """They are not corrupt, and their file stays."""
    clock = ManualClock()
    pipeline = spooled(sender := RecordingSender(), clock=clock)
    put_quietly(pipeline, [large(number) for number in range(12)])
    real = _segment.read_own
    refused = []

    def fail(path, most):
        refused.append(path)
        if len(refused) <= 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(path, most)

    monkeypatch.setattr(_segment, "read_own", fail)
    pipeline.put(row(12))
    pipeline._queue.request_flush()

    assert until(lambda: clock.advance(1.0) or pipeline.stats().delivered == 13)
    assert len(refused) > 3
    assert pipeline.stats().dropped == {}
    assert len(sender.rows) == 13


def test_rows_that_can_never_be_read_are_set_aside(spooled, home, monkeypatch):
    """Counted, after eight tries; the others are delivered."""
    clock = ManualClock()
    pipeline = spooled(clock=clock)
    put_quietly(pipeline, [large(number) for number in range(10)])
    bad = next(batch.segment.path for batch in pipeline._queue._waiting if batch.is_away)
    real = _segment.read_own
    monkeypatch.setattr(
        _segment, "read_own", lambda path, most: failing(errno.EIO)() if path == bad else real(path, most)
    )
    pipeline.put(row(10))
    pipeline._queue.request_flush()

    assert until(lambda: clock.advance(5.0) or pipeline.stats().pending == 0)
    assert pipeline.stats().dropped == {DropReason.CORRUPT: 1}
    assert [path.name for path in (home / "quarantine").iterdir()] == [f"{bad.parent.name}-{bad.name}.bin"]
    assert segments(home) == []


def test_of_a_directory_that_is_deleted_what_is_in_memory_is_delivered(spooled, home):
    """What was on the disk only is counted as corrupt, and what is written next is known to be in memory."""
    clock = ManualClock()
    pipeline = spooled(sender := RecordingSender(), clock=clock)
    put_quietly(pipeline, [large(number) for number in range(12)])
    away = sum(batch.is_away for batch in pipeline._queue._waiting)
    assert away > 0
    shutil.rmtree(home)
    put_quietly(pipeline, [large(number) for number in range(12, 24)])

    assert pipeline.stats().unspooled == 1
    assert len(segments(home)) == 12
    pipeline.put(row(24))
    pipeline._queue.request_flush()
    assert until(lambda: clock.advance(1.0) or pipeline.stats().pending == 0)
    assert pipeline.stats().dropped == {DropReason.CORRUPT: away}
    # And the row that tells of the loss.
    assert pipeline.stats().delivered == pipeline.stats().accepted - away
    assert len(sender.rows) == pipeline.stats().delivered


def test_a_spool_that_is_replaced_by_a_link_is_not_followed(spooled, home, tmp_path):
    """Rows are in memory then, and nothing is taken from where it leads."""
    clock = ManualClock()
    dead = spooled()
    put_quietly(dead, rows([1]))
    die(dead)
    pipeline = spooled(ScriptedSender([]), clock=clock)
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    put_quietly(pipeline, rows([2]))

    assert pipeline.stats().unspooled == 1
    assert pipeline._spool.adopt() is None
    assert len(list((tmp_path / "elsewhere").rglob("*.seg"))) == 1


def test_a_segment_that_fails_to_sync_takes_no_more(spooled, home, monkeypatch, capsys):
    """The next rows are in another one, and its own stay in memory."""
    clock = ManualClock()
    pipeline = spooled(ScriptedSender([]), clock=clock)
    put_quietly(pipeline, rows([1]))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(errno.EIO))
        pipeline._spool.sync()
    put_quietly(pipeline, rows([2]))

    assert len(segments(home)) == 2
    first = next(iter(pipeline._queue._waiting))
    assert not first.can_leave_memory
    pipeline._delivery.tell()
    assert "Input/output error; rows would not survive a loss of power" in capsys.readouterr().err


def test_a_directory_that_fails_to_sync_is_told_of(spooled, monkeypatch, capsys):
    """Its names may be gone with the power; one that was deleted is no trouble."""
    pipeline = spooled(ScriptedSender([]))
    put_quietly(pipeline, rows([1]))
    pipeline._spool.sync()
    pipeline._spool._synced = 0
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(errno.EIO))
        pipeline._spool.sync()
    pipeline._delivery.tell()

    assert capsys.readouterr().err.count("rows would not survive a loss of power") == 1


def test_a_handler_that_could_not_be_made_is_not_flushed_at_the_end(tmp_path):
    """Its error keeps it alive, where `logging.shutdown` would find it."""
    import logging

    from dcrlog import LogsIngestionHandler

    (tmp_path / f"dcrlog-{os.geteuid()}").write_text("a file")
    with pytest.raises(ConfigError, match="it is no directory") as raised:
        LogsIngestionHandler(spool_dir=tmp_path, sender=RecordingSender())

    handlers = [reference() for reference in logging._handlerList]
    assert raised.traceback
    assert not any(
        isinstance(each, LogsIngestionHandler) and not hasattr(each, "_pipeline") for each in handlers
    )


def test_tiny_rows_fill_no_more_segments_than_the_spool_may_have(spooled, home):
    """Their frames take more than they do in a body."""
    rule = Rule(
        None, None, {"Custom-Tiny": Stream("Custom-Tiny", (Column("Message", ColumnType.STRING),))}, ()
    )
    with pytest.warns(ConfigWarning, match="takes InstanceId and Seq"):
        pipeline = spooled(ScriptedSender([]), spool_capacity=8 * 1024 * 1024, rule=rule)
    tiny = b'{"Message":1}'
    for _ in range(300_000):
        pipeline._queue.put(tiny)

    assert sum(path.stat().st_size for path in segments(home)) <= 8 * 1024 * 1024
    assert pipeline.stats().dropped[DropReason.QUEUE_FULL] > 0


def test_a_child_of_a_fork_begins_anew_though_the_disk_is_gone(spooled, home, tmp_path):
    """Nothing keeps it from new locks and a new id."""
    pipeline = spooled()
    parent = pipeline.instance_id
    put_quietly(pipeline, rows([1]))
    shutil.rmtree(home)
    home.write_text("a file")
    left = pipeline.stats().pending
    pipeline.renew()

    assert left == 1
    assert pipeline.instance_id != parent
    put_quietly(pipeline, rows([2]))
    assert pipeline.stats().unspooled == 1


def test_descriptors_that_an_application_closes_are_not_closed_again(spooled, home, tmp_path):
    """By then the number may be of a file of its own; the lock is taken anew."""
    clock = ManualClock()
    pipeline = spooled(ScriptedSender([]), clock=clock)
    put_quietly(pipeline, [large(1)])
    number = pipeline._spool._directory._lock._descriptor
    os.close(number)
    own = os.open(tmp_path / "own", os.O_RDWR | os.O_CREAT)
    try:
        if own != number:
            os.dup2(own, number)
        put_quietly(pipeline, [large(2)])
        assert os.path.samestat(os.fstat(number), (tmp_path / "own").stat())
    finally:
        for each in {own, number}:
            os.close(each)

    assert pipeline.stats().unspooled == 0
    assert spooled()._spool.orphans._find() is None


# What somebody else has left.


@pytest.fixture
def orphaned(spooled, home):
    """Leaves a directory of a dead instance with five rows; returns its segment."""

    def make():
        dead = spooled()
        put_quietly(dead, rows(range(5)))
        die(dead)
        return next(path for path in segments(home) if path.parent.name.endswith(dead.instance_id))

    return make


def adopted(spooled, rows_expected, **options):
    """A pipeline that takes over what is there, with its sender, once that is delivered."""
    alive = spooled(sender := RecordingSender(), **options)
    alive.put(b'{"Message":"alive"}')
    assert until(lambda: len(sender.rows) >= rows_expected + 1), alive.stats()
    return alive, sender


@pytest.fixture
def no_hanging():
    """A minute, then SIGALRM: what blocks on a FIFO fails and does not hang."""

    def stop(*_):
        raise TimeoutError("it hangs")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.usefixtures("no_hanging")
def test_strange_things_among_segments_cost_no_row_and_are_left(spooled, orphaned, home, tmp_path):
    """Links are not followed, nothing waits for a FIFO, and nothing that is not ours is deleted."""
    segment = orphaned()
    directory = segment.parent
    secret = tmp_path / "secret"
    secret.write_bytes(segment.read_bytes())
    (directory / "0.seg").symlink_to(secret)
    os.mkfifo(directory / "1.seg")
    (directory / "2.seg").mkdir()
    (directory / "2.seg" / "inside").write_text("kept")
    (directory / "3.seg").touch()
    (directory / "notes.txt").write_text("kept")
    opened = open_descriptors()
    alive, sender = adopted(spooled, 5)

    assert messages(sender).count("row 0") == 1
    assert until(lambda: not segment.exists() and not (directory / "3.seg").exists())
    assert alive.stats().dropped == {}
    left = sorted(path.name for path in directory.iterdir() if path.name != "owner")
    assert left == ["0.seg", "1.seg", "2.seg", "notes.txt"]
    assert secret.exists()
    alive._spool.close()
    assert open_descriptors() <= opened + 2


@pytest.mark.usefixtures("no_hanging")
@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_an_owner_that_is_no_file_is_not_followed(spooled, orphaned, tmp_path, kind):
    """Its directory is left alone, whoever has made it so."""
    segment = orphaned()
    owner = segment.parent / "owner"
    owner.unlink()
    {
        "link": lambda: owner.symlink_to(tmp_path / "elsewhere"),
        "fifo": lambda: os.mkfifo(owner),
        "directory": owner.mkdir,
    }[kind]()
    alive = spooled()

    assert alive._spool.adopt() is None
    assert segment.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_an_owner_that_is_missing_costs_no_row(spooled, orphaned):
    """A directory is never seen without one unless its process has died."""
    segment = orphaned()
    (segment.parent / "owner").unlink()
    _, sender = adopted(spooled, 5)

    assert len(messages(sender)) == 6
    assert until(lambda: not segment.parent.exists() or not segment.exists())


def test_a_link_to_an_instances_directory_is_not_followed(spooled, orphaned, home, tmp_path):
    """Nor is a file of such a name."""
    segment = orphaned()
    segment.parent.rename(tmp_path / "moved")
    segment.parent.symlink_to(tmp_path / "moved")
    segment.parent.with_name(f"{segment.parent.name[:17]}{'0' * 24}").write_text("a file")
    alive = spooled()

    assert alive._spool.adopt() is None
    assert (tmp_path / "moved" / segment.name).exists()


def test_a_name_that_is_no_instance_id_never_gets_into_a_row(spooled, orphaned):
    """It would be written there as it stands."""
    segment = orphaned()
    segment.parent.rename(segment.parent.with_name(f'{segment.parent.name[:17]}","Message":"forged'))

    assert spooled()._spool.adopt() is None


def test_a_length_of_gigabytes_is_not_believed(spooled, orphaned, home):
    """The row is damaged, the others are delivered, and its bytes are kept."""
    segment = orphaned()
    data = bytearray(segment.read_bytes())
    at = data.find(b"\xf5\xfe\xff\xf8", data.find(b"row 1"))
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    segment.write_bytes(data)
    alive, sender = adopted(spooled, 4)

    assert alive.stats().dropped == {DropReason.CORRUPT: 1}
    assert "row 2" not in messages(sender)
    (kept,) = (home / "quarantine").iterdir()
    assert b"row 2" in kept.read_bytes()


def test_a_segment_that_is_too_long_is_kept_whole(spooled, orphaned, home):
    """Its rows are delivered, and memory holds no more of it than of others."""
    segment = orphaned()
    with segment.open("ab") as file:
        file.truncate(10 * 1024**3)
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    alive, _ = adopted(spooled, 5)

    assert until(lambda: not segment.exists())
    assert alive.stats().dropped == {DropReason.CORRUPT: 1}
    (kept,) = (home / "quarantine").iterdir()
    assert kept.stat().st_size == 10 * 1024**3 + len(b"the end")
    with kept.open("rb") as file:
        file.seek(-7, os.SEEK_END)
        assert file.read() == b"the end"


def test_a_foreign_file_named_like_a_segment_is_kept_whole(spooled, orphaned, home):
    """Not only where there seems to be something in it."""
    segment = orphaned()
    foreign = b"something else".ljust(400, b"\0") + b"its end"
    segment.with_name("0.seg").write_bytes(foreign)
    adopted(spooled, 5)

    assert until(lambda: not segment.exists())
    assert foreign in [path.read_bytes() for path in (home / "quarantine").iterdir()]


def test_a_segment_of_another_destination_is_not_sent_here(spooled, orphaned, home):
    """Though somebody has moved it here."""
    segment = orphaned()
    other = spooled(rule_id="dcr-00000000000000000000000000000002")
    put_quietly(other, [b'{"Message":"for elsewhere"}'])
    (moved,) = other._spool._directory.path.glob("*.seg")
    die(other)
    moved.rename(segment.with_name("9.seg"))
    alive, sender = adopted(spooled, 5)

    assert until(lambda: segment.parent.name in alive._spool.orphans._left)
    assert "for elsewhere" not in messages(sender)
    assert segment.with_name("9.seg").exists()


def test_what_cannot_be_kept_aside_is_not_deleted(spooled, orphaned, home):
    """A segment waits for the disk rather than lose its damaged bytes."""
    segment = orphaned()
    segment.write_bytes(segment.read_bytes().replace(b"row 2", b"ROW 2"))
    (home / "quarantine").symlink_to(segment.parent)
    clock = ManualClock()
    alive = spooled(sender := RecordingSender(), clock=clock)
    assert alive._spool.adopt() is None
    assert segment.exists()

    (home / "quarantine").unlink()
    alive.put(b'{"Message":"alive"}')
    assert until(lambda: clock.advance(1.0) or len(sender.rows) == 5)
    assert (home / "quarantine").is_dir()


def test_directories_that_were_never_shown_are_removed(spooled, home):
    """Unless their lock is held: their process lives."""
    alive = spooled()
    prefix = alive._spool._prefix
    dead, empty, living = (home / f".{prefix}{digit * 24}.new" for digit in "012")
    for each in (dead, empty, living):
        each.mkdir(0o700)
    (dead / "owner").touch()
    lock = Lock(living / "owner", create=True)
    assert alive._spool.adopt() is None

    assert sorted(home.iterdir()) == [living]
    lock.release()
    assert alive._spool.orphans._find() is None
    assert sorted(home.iterdir()) == []


def test_a_directory_that_is_taken_for_dead_while_it_is_made_is_made_again(spooled, home, monkeypatch):
    """Its process lives, and has just not locked it."""
    import fcntl

    alive, other = spooled(ScriptedSender([])), spooled()
    real, taken = fcntl.flock, []

    def flock(descriptor, operation):
        if not taken:
            taken.append(descriptor)
            other._spool.orphans._find()
        return real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    put_quietly(alive, rows([1]))

    assert taken
    assert alive.stats().unspooled == 0
    assert len(segments(home)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_home_of_another_user_is_refused_and_not_written_to_later(spooled, home, tmp_path):
    """At first with an error; once it runs, rows are in memory."""
    pipeline = spooled(ScriptedSender([]))
    os.chown(home, 12345, -1)
    put_quietly(pipeline, rows([1]))

    assert pipeline.stats().unspooled == 1
    assert list(home.iterdir()) == []
    with pytest.raises(ConfigError, match="it belongs to user 12345"):
        prepare(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_of_another_user_are_not_read(spooled, orphaned):
    """Whoever has written them may have written anything."""
    segment = orphaned()
    os.chown(segment, 12345, -1)
    alive = spooled()

    assert alive._spool.adopt() is None
    assert segment.exists()


def test_access_that_a_volumes_group_was_given_is_taken_back(tmp_path, home):
    """Kubernetes gives it at each mount, where a pod has an fsGroup."""
    prepare(tmp_path)
    home.chmod(0o2770)
    prepare(tmp_path)

    assert home.stat().st_mode & 0o777 == 0o700


# Where a spool may be.

MOUNTINFO = "36 35 {device} / {path} rw,noatime shared:1 - {kind} server:/share rw\n"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_network_file_systems_are_known(tmp_path, kind):
    """By what the kernel has mounted."""
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(MOUNTINFO.format(device="0:9999", path="/", kind="ext4") + "rubbish\n")

    assert network_file_system(tmp_path, mounts) is None
    mounts.write_text(MOUNTINFO.format(device=numbers, path=tmp_path, kind=kind))
    assert network_file_system(tmp_path, mounts) == kind
    mounts.write_text(MOUNTINFO.format(device=numbers, path=tmp_path, kind="ext4"))
    assert network_file_system(tmp_path, mounts) is None
    assert network_file_system(tmp_path, tmp_path / "missing") is None


def test_a_network_file_system_is_warned_of_once(tmp_path, monkeypatch):
    """When a handler is made."""
    monkeypatch.setattr("dcrlog._home.network_file_system", lambda _: "nfs4")
    with pytest.warns(ConfigWarning, match=r"network file system \(nfs4\)") as warned:
        pipeline = make_pipeline(RecordingSender(), spool_dir=tmp_path)

    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline.renew()


def test_a_system_without_fcntl_is_told_so():
    """At construction, and memory still works."""
    program = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import tempfile\n"
        "from dcrlog import ConfigError\n"
        "from pipelines import make_pipeline\n"
        "from dcrlog.testing import RecordingSender\n"
        "try: make_pipeline(RecordingSender(), spool_dir=tempfile.gettempdir())\n"
        "except ConfigError as error: print(error)\n"
        "pipeline = make_pipeline(RecordingSender())\n"
        'pipeline.put(b\'{"Message":"m"}\')\n'
        "print(pipeline.flush(30))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "needs file locks of the module fcntl" in done.stdout, done.stderr
    assert done.stdout.endswith("True\n")
    assert SEGMENT_BYTES == 1024 * 1024
