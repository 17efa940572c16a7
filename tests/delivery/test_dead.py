"""Rows that the service refuses for good: kept in the spool, with its answer, before they are settled."""

import json
import os

import pytest

from dcrlog import DropReason
from dcrlog._batch import Batch
from dcrlog._clock import Signal, SystemClock
from dcrlog._dead import DeadLetters
from dcrlog._report import Report
from dcrlog._stamp import Stamp
from dcrlog.testing import Answer, SkippingClock
from pipelines import JudgingSender, assert_balanced, deliver_here, die, make_pipeline, put_quietly

REFUSED = Answer(status=400, code="InvalidRow", message="the row is not what the stream declares")


def rows(numbers):
    return [b'{"Level":"INFO","Message":"%d"}' % number for number in numbers]


def refuses(bad, answer=REFUSED):
    """A service that refuses each body with a row of these numbers."""
    return JudgingSender(lambda sent: answer if {row["Message"] for row in sent} & bad else 204)


@pytest.fixture
def spooled(spooled):
    """Makes pipelines that share a spool and tell nothing, each with a clock of its own."""
    return lambda sender, **options: spooled(sender, SkippingClock(), **{"account_rows": "never", **options})


def letters(home):
    return [json.loads(path.read_bytes()) for path in sorted((home / "dead").iterdir())]


def test_a_refused_row_is_kept_with_the_answer_that_refused_it(spooled, home):
    """With its stamp, so that it can be sent again; the others are delivered."""
    pipeline = spooled(refuses({"3"}))
    put_quietly(pipeline, rows(range(10)))
    deliver_here(pipeline)

    (letter,) = letters(home)
    assert letter["row"] == {
        "InstanceId": pipeline.instance_id, "Seq": 4, "Level": "INFO", "Message": "3"
    }  # fmt: skip
    assert (letter["instance_id"], letter["seq"]) == (pipeline.instance_id, 4)
    assert (letter["status"], letter["code"], letter["message"]) == (400, REFUSED.code, REFUSED.message)
    assert letter["time"] == "2023-11-14T22:13:20.000000Z"
    assert letter["destination"] == pipeline._spool.destination.hex()


def test_a_kept_row_is_dead_lettered_and_not_dropped(spooled, home):
    """Its segment goes all the same."""
    pipeline = spooled(refuses({"3", "7"}))
    put_quietly(pipeline, rows(range(10)))
    deliver_here(pipeline)

    stats = pipeline.stats()
    assert (stats.delivered, stats.dead_lettered, stats.dropped) == (8, 2, {})
    assert list(home.rglob("*.seg")) == []


def test_a_row_refused_alone_is_kept_with_its_own_answer_once_others_pass(spooled, home):
    """Until then it waits in the spool, since the configuration may be to blame."""
    pipeline = spooled(refuses({"0"}))
    put_quietly(pipeline, rows([0]))
    deliver_here(pipeline, 60.0)
    assert not (home / "dead").exists()
    put_quietly(pipeline, rows([1]))
    deliver_here(pipeline, 60.0)

    assert [letter["message"] for letter in letters(home)] == [REFUSED.message]
    assert pipeline.stats().dead_lettered == 1


def test_the_row_is_on_the_disk_before_the_spool_lets_go_of_it(spooled, home, monkeypatch):
    """A process that is killed in between leaves it twice, and never nowhere."""
    pipeline = spooled(refuses({"0"}))
    put_quietly(pipeline, rows(range(2)))
    seen = []
    keep = pipeline._outcomes._dead.keep

    def look(batch, answer):
        is_kept = keep(batch, answer)
        seen.append((len(list(home.rglob("*.seg"))), len(letters(home)), pipeline.stats().pending))
        return is_kept

    monkeypatch.setattr(pipeline._outcomes._dead, "keep", look)
    deliver_here(pipeline)

    assert seen == [(1, 1, 1)]


def test_nobody_else_may_read_dead_letters(spooled, home):
    """They are rows of the application."""
    pipeline = spooled(refuses({"0"}))
    put_quietly(pipeline, rows(range(2)))
    deliver_here(pipeline)

    assert (home / "dead").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in (home / "dead").iterdir()] == [0o600]


def test_a_row_that_cannot_be_kept_is_dropped(spooled, home, capsys):
    """Here a file stands in the way; a full disk is the same."""
    pipeline = spooled(refuses({"0"}))
    put_quietly(pipeline, rows(range(2)))
    (home / "dead").write_bytes(b"")
    deliver_here(pipeline)

    assert pipeline.stats().dropped == {DropReason.REJECTED: 1}
    assert pipeline.stats().dead_lettered == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory away")
def test_a_directory_of_somebody_else_gets_no_row(spooled, home):
    """Nor does one that a link leads to."""
    pipeline = spooled(refuses({"0", "1"}))
    (home / "dead").mkdir(0o700)
    os.chown(home / "dead", 12345, -1)
    put_quietly(pipeline, rows([0, 2]))
    deliver_here(pipeline)
    (home / "dead").rmdir()
    (home.parent / "elsewhere").mkdir(0o700)
    (home / "dead").symlink_to(home.parent / "elsewhere")
    put_quietly(pipeline, rows([1, 3]))
    deliver_here(pipeline)

    assert pipeline.stats().dropped == {DropReason.REJECTED: 2}
    assert list((home.parent / "elsewhere").iterdir()) == []


def test_a_row_is_kept_after_a_volumes_group_was_given_access_to_all_that_is_in_it(spooled, home):
    """As Kubernetes gives it at each mount, where a pod has an fsGroup."""
    pipeline = spooled(refuses({"0", "1"}))
    put_quietly(pipeline, rows([0, 2]))
    deliver_here(pipeline)
    for directory in (home, home / "dead"):
        directory.chmod(0o2770)
    put_quietly(pipeline, rows([1, 3]))
    deliver_here(pipeline)

    assert pipeline.stats().dead_lettered == 2
    assert home.stat().st_mode & 0o777 == 0o700


def test_without_a_spool_a_refused_row_is_dropped():
    """There is nowhere to keep it."""
    pipeline = make_pipeline(refuses({"0"}), SkippingClock(), account_rows="never")
    put_quietly(pipeline, rows(range(2)))
    deliver_here(pipeline)

    assert pipeline.stats().dropped == {DropReason.REJECTED: 1}


def test_the_table_tells_of_a_row_that_is_a_dead_letter(spooled):
    """It has a gap there, whose reason is told as for any row that was rejected."""
    sender = refuses({"0"})
    pipeline = spooled(sender, account_rows="losses")
    put_quietly(pipeline, rows(range(3)))
    deliver_here(pipeline)
    pipeline._clock.wait(Signal(), 2.0)
    pipeline._delivery.tell()
    deliver_here(pipeline)

    (told,) = [row["Properties"]["dcrlog"] for row in sender.rows if row.get("Logger") == "dcrlog"]
    assert (told["reason"], told["count"], told["ranges"], told["levels"]) == (
        "rejected", 1, [[1, 1]], {"INFO": 1}
    )  # fmt: skip


def test_rows_of_a_dead_instance_are_kept_under_its_own_id(spooled, home):
    """Whoever sends them again does so as they were accepted."""
    dead = spooled(refuses(set()))
    put_quietly(dead, rows(range(3)))
    die(dead)
    alive = spooled(refuses({"1"}))
    assert alive._adoption.adopt()
    deliver_here(alive)

    assert [(letter["instance_id"], letter["seq"]) for letter in letters(home)] == [(dead.instance_id, 2)]
    assert (alive.stats().adopted, alive.stats().delivered, alive.stats().dead_lettered) == (3, 2, 1)


def test_what_came_back_from_the_service_is_kept_up_to_two_kilobytes(spooled, home):
    """Whatever it is."""
    pipeline = spooled(refuses({"0"}, Answer(status=400, code="\ud800", message="é" * 5_000)))
    put_quietly(pipeline, rows(range(2)))
    deliver_here(pipeline)

    (letter,) = letters(home)
    assert letter["message"] == "é" * 1_024
    assert letter["code"] == "\\ud800"


def make_letters(home, *, capacity, counted):
    clock = SystemClock()
    home.mkdir(0o700, exist_ok=True)
    return DeadLetters(
        home, bytes(32), clock=clock, report=Report(clock), capacity=capacity,
        count=lambda name, number: counted.append((name, number)),
    )  # fmt: skip


def single(seq, size=10):
    batch = Batch(Stamp("InstanceId", "Seq"), seq, 0.0)
    batch.append(b'{"Message":"%s"}' % (b"x" * size))
    batch.seal()
    return batch


def test_at_the_cap_the_oldest_go_and_are_counted(home, capsys):
    """The cap is one for all processes: here two take turns."""
    counted = []
    one = make_letters(home, capacity=64 * 4_096, counted=counted)
    other = make_letters(home, capacity=64 * 4_096, counted=counted)
    for seq in range(1, 201):
        assert (one if seq % 2 else other).keep(single(seq), REFUSED)

    left = [letter["seq"] for letter in letters(home)]
    assert left == list(range(201 - len(left), 201))
    assert 50 <= len(left) <= 72  # each may add a sixteenth before it sees what the other has added
    assert sum(number for _, number in counted) == 200 - len(left)
    assert {name for name, _ in counted} == {"dead_dropped"}
    assert "dead letters are deleted" in capsys.readouterr().err


def test_what_is_not_a_dead_letter_is_never_deleted(home):
    """Nor counted: a file of somebody's, a link, a pipe."""
    letters = make_letters(home, capacity=16 * 4_096, counted=[])
    assert letters.keep(single(1), REFUSED)
    dead = home / "dead"
    (dead / "notes.txt").write_bytes(b"x" * 100_000)
    (dead / f"{0:020d}-{'0' * 24}-1.json").symlink_to("/etc/passwd")
    os.mkfifo(dead / f"{0:020d}-{'0' * 24}-2.json")
    for seq in range(2, 40):
        assert letters.keep(single(seq), REFUSED)

    assert {"notes.txt", f"{0:020d}-{'0' * 24}-1.json", f"{0:020d}-{'0' * 24}-2.json"} <= {
        path.name for path in dead.iterdir()
    }


def test_a_row_that_is_no_json_is_kept_as_text(home):
    """The letter is JSON all the same."""
    letters_of = make_letters(home, capacity=64 * 4_096, counted=[])
    batch = Batch(Stamp(None, None), 1, 0.0)
    batch.append(b'{"Message":\xff oops')
    batch.seal()
    assert letters_of.keep(batch, REFUSED)

    assert [letter["row"] for letter in letters(home)] == ['{"Message":\\xff oops']


def test_a_suspect_is_counted_and_held_until_it_is_settled(spooled):
    """At every moment the accounts are balanced."""
    pipeline = spooled(refuses({"0"}))
    put_quietly(pipeline, rows([0]))
    deliver_here(pipeline, 60.0)
    put_quietly(pipeline, rows([1]))
    keep = pipeline._outcomes._dead.keep

    def check(batch, answer):
        assert_balanced(pipeline)
        return keep(batch, answer)

    pipeline._outcomes._dead.keep = check
    deliver_here(pipeline, 60.0)

    assert pipeline.stats().dead_lettered == 1
