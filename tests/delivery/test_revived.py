"""Rows that are delivered without one of one's own: those of dead instances, and dead letters."""

import json
from functools import partial

import pytest

from dcrlog._frames import header_of, segment_header
from dcrlog.errors import printable
from dcrlog.testing import Answer, RecordingSender, SkippingClock
from pipelines import JudgingSender, assert_balanced, deliver_here, die, put_quietly, until


def rows(numbers):
    return [b'{"Message":"%d"}' % number for number in numbers]


def refuses(*bad):
    """A service that refuses each body with one of these messages."""
    return JudgingSender(lambda sent: 400 if {row["Message"] for row in sent} & set(bad) else 204)


@pytest.fixture
def spooled(spooled):
    """Makes pipelines that share a spool, and tell nothing."""
    return partial(spooled, account_rows="never")


@pytest.fixture
def kill(spooled):
    """A pipeline that dies with these rows in the spool."""

    def run(numbers, **options):
        dead = spooled(RecordingSender(), SkippingClock(), **options)
        put_quietly(dead, rows(numbers))
        die(dead)
        return dead

    return run


@pytest.fixture
def bury(spooled):
    """A pipeline that has these rows refused, and delivers one."""

    def run(*bad, **options):
        buries = spooled(refuses(*map(str, bad)), SkippingClock(), **options)
        put_quietly(buries, [b'{"Message":"good"}', *rows(bad)])
        deliver_here(buries)
        assert buries.stats().dead_lettered == len(bad)
        return buries

    return run


def letters(home):
    return {path.name: json.loads(path.read_bytes()) for path in sorted((home / "dead").iterdir())}


def test_a_drain_needs_no_row(spooled, kill, home):
    """Several dead instances, empty ones too, are looked for at once."""
    dead = [kill(range(3)), kill([]), kill(range(5))]
    sender = RecordingSender()
    drains = spooled(sender)

    assert drains.recovery().drain(30.0) <= {f"{dead[0]._spool._prefix}{each.instance_id}" for each in dead}
    stats = drains.stats()
    assert (stats.accepted, stats.adopted, stats.delivered, stats.pending) == (0, 8, 8, 0)
    assert {row["InstanceId"] for row in sender.rows} == {dead[0].instance_id, dead[2].instance_id}
    drains._spool.close()
    assert list(home.iterdir()) == []


def test_idle_senders_go_on_adopting_however_many_they_are(spooled):
    """One of them is in charge; half a minute would pass if each left it to the others."""
    dead = spooled(RecordingSender(), SkippingClock())
    put_quietly(dead, [b'{"Message":"%s"}' % (b"x" * 600_000)] * 4)
    die(dead)
    alive = spooled(RecordingSender())
    for _ in range(3):
        alive._senders.start()

    assert until(lambda: alive.stats().delivered == 4)


def test_a_drain_ends_at_its_timeout(spooled, kill, home):
    """What it had locked is named."""
    dead = kill(range(3))
    drains = spooled(JudgingSender(lambda _: 503))
    held = drains.recovery().drain(0.2)

    assert held == {f"{drains._spool._prefix}{dead.instance_id}"}
    assert_balanced(drains)
    assert len(list(home.rglob("*.seg"))) == 1


def test_a_revived_row_arrives_as_it_was_accepted(spooled, bury, home):
    """InstanceId and Seq are not written a second time."""
    buried = bury(1, 2, 3)
    sender = RecordingSender()
    revived = spooled(sender).recovery().revive(30.0)

    assert (revived.found, revived.delivered, revived.dead, revived.left) == (3, 3, 0, 0)
    assert sender.bodies[0].count(b"InstanceId") == 3
    assert [(row["InstanceId"], row["Seq"], row["Message"]) for row in sender.rows] == [
        (buried.instance_id, number + 1, str(number)) for number in (1, 2, 3)
    ]
    assert letters(home) == {}


def test_of_many_dead_letters_only_those_refused_again_stay(spooled, bury, home):
    """They are found by bisection, and have the new answer; the old letters are gone."""
    bury(*range(100))
    judged = JudgingSender(
        lambda sent: (
            Answer(status=400, code="Again") if any(row["Message"] in "7 63" for row in sent) else 204
        )
    )
    revives = spooled(judged)
    revived = revives.recovery().revive(30.0)

    assert {letter["row"]["Message"] for letter in letters(home).values()} == {"7", "6", "3", "63"}
    assert {letter["code"] for letter in letters(home).values()} == {"Again"}
    assert (revived.delivered, revived.dead, revived.left) == (96, 4, 0)
    assert len(judged.requests) < 60
    assert_balanced(revives)


def test_a_row_that_is_a_dead_letter_twice_is_sent_once(spooled, bury, home):
    """A process was killed before its segment was gone; both letters go."""
    bury(1)
    ((name, _),) = letters(home).items()
    (home / "dead" / f"{1:020d}{name[20:]}").write_bytes((home / "dead" / name).read_bytes())
    revived = spooled(sender := RecordingSender()).recovery().revive(30.0)

    assert (len(sender.rows), revived.delivered) == (1, 2)
    assert letters(home) == {}


def test_the_old_letter_stays_where_a_new_one_cannot_be_written(spooled, bury, home, monkeypatch):
    """The row is nowhere else."""
    bury(1)
    before = letters(home)
    revives = spooled(refuses("1"))
    monkeypatch.setattr(revives._outcomes._dead, "keep", lambda *_: False)
    revived = revives.recovery().revive(30.0)

    assert (revived.left, letters(home)) == (1, before)
    assert_balanced(revives)


def test_dead_letters_of_more_than_a_body_go_in_several(spooled):
    """Each of them within the limit of a request."""
    judged = JudgingSender(lambda sent: 400 if any("x" in row["Message"] for row in sent) else 204)
    buries = spooled(judged, SkippingClock())
    put_quietly(buries, [b'{"Message":"%s"}' % (b"x" * 400_000)] * 5)
    deliver_here(buries)
    put_quietly(buries, [b'{"Message":"good"}'])
    deliver_here(buries)
    revived = spooled(sender := RecordingSender()).recovery().revive(30.0)

    assert revived.delivered == 5
    assert all(len(body) <= 1_000_000 for body in sender.bodies)


def test_letters_are_nobodys_while_somebody_sends_them(spooled, bury, home):
    """Until its process ends, where an answer is still awaited."""
    bury(1)
    unwell = spooled(JudgingSender(lambda _: 503))
    assert unwell.recovery().revive(0.1).left == 1

    with pytest.raises(BlockingIOError):
        spooled(RecordingSender()).recovery().revive(1.0)
    unwell._outcomes.revived.close()


def test_without_dead_letters_there_is_nothing_to_revive(spooled):
    """Nothing is sent, and no directory made."""
    sender = RecordingSender()

    assert spooled(sender).recovery().revive(1.0).found == 0
    assert sender.request_ids == []


def test_a_header_says_where_its_segment_belongs():
    """Unless it is damaged."""
    header = segment_header(bytes(range(32)), "ab" * 12, 7)

    assert header_of(header) == (bytes(range(32)).hex(), "ab" * 12)
    assert header_of(header[:-1] + b"x") is None
    assert header_of(b"") is None


def test_what_does_not_print_is_written_as_an_escape():
    """Letters of any script print; control characters, line ends and marks of direction do not."""
    assert printable("größe 大 [x]") == "größe 大 [x]"
    assert printable("\x1b[2J\n\u202e\x9b") == "\\x1b[2J\\n\\u202e\\x9b"
