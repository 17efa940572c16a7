"""The queue: Seq, batches, capacity, re-entrant puts."""

import gc
import re
import signal
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog._batch import MAX_BODY_BYTES, ROW_OVERHEAD
from dcrlog._ledger import Ledger
from dcrlog._queue import Queue
from dcrlog._stamp import Stamp
from dcrlog.settings import OnFull
from dcrlog.stats import DropReason
from dcrlog.testing import ManualClock


def make_queue(**options):
    """A queue with the default stamp, a clock that stands still, and room for everything."""
    defaults = {
        "stamp": Stamp("InstanceId", "Seq"),
        "ledger": Ledger("Level", wake=lambda: None),
        "capacity": 1 << 40,
        "flush_interval": 1.0,
        "on_full": OnFull.DROP_NEWEST,
        "clock": ManualClock(),
        "wake": lambda: None,
    }
    return Queue(**(defaults | options))


def take_all(queue):
    queue.request_flush()
    batches = []
    while (batch := queue.take()) is not None:
        batches.append(batch)
    return batches


def seqs(batches):
    return [msgspec.json.decode(row)["Seq"] for batch in batches for row in batch.rows()]


def row_of(size):
    """A row of so many bytes, before it is stamped."""
    return b'{"M":"' + b"x" * (size - len(b'{"M":""}')) + b'"}'


def assert_balanced(queue):
    accepted, delivered, dropped, pending = queue.accounts()[:4]
    assert accepted == delivered + sum(dropped.values()) + pending


def test_rows_are_numbered_from_one_in_the_order_in_which_they_came():
    """Seq is 1, 2, 3 ... and stands in the row itself, with the instance id."""
    queue = make_queue()

    for _ in range(3):
        queue.put(b'{"M":"m"}')

    rows = [msgspec.json.decode(row) for row in take_all(queue)[0].rows()]
    assert [row["Seq"] for row in rows] == [1, 2, 3]
    assert {row["InstanceId"] for row in rows} == {queue.instance_id}


@pytest.mark.parametrize(
    ("instance_column", "seq_column", "expected"),
    [
        ("I", "S", {"I", "S", "M"}),
        (None, "S", {"S", "M"}),
        ("I", None, {"I", "M"}),
        (None, None, {"M"}),
    ],
)
def test_a_stamp_writes_the_columns_that_there_are(instance_column, seq_column, expected):
    """A rule without InstanceId or Seq gets rows without them, and they are valid JSON all the same."""
    queue = make_queue(stamp=Stamp(instance_column, seq_column))
    queue.put(b'{"M":"%d %s"}')

    (row,) = take_all(queue)[0].rows()
    assert msgspec.json.decode(row).keys() == expected


def test_an_open_batch_is_due_after_the_flush_interval():
    """A row waits for others until the interval has passed, and no longer."""
    clock = ManualClock()
    queue = make_queue(clock=clock, flush_interval=1.0)
    queue.put(b'{"M":1}')

    assert queue.take() is None
    assert queue.due_in() == 1.0
    clock.advance(1.0)
    assert queue.due_in() == 0.0
    assert queue.take().count == 1


def test_a_flush_makes_what_was_accepted_due_and_nothing_more():
    """A row that comes after the flush opens a batch of its own, which waits its time."""
    queue = make_queue()
    queue.put(b'{"M":1}')
    through = queue.request_flush()
    first = queue.take()
    queue.put(b'{"M":2}')

    assert queue.take() is None
    assert not queue.is_settled(through)
    queue.settle(first)
    assert queue.is_settled(through)


def test_a_row_that_does_not_fit_opens_the_next_batch():
    """A batch never grows over the limit of a body; the row that does not fit is the next one's first."""
    queue = make_queue()
    for _ in range(3):
        queue.put(row_of(499_000))

    assert [batch.count for batch in take_all(queue)] == [2, 1]


def test_a_row_over_the_limit_of_a_body_is_dropped_and_counted():
    """What no request could carry is told as too_large, and its Seq is missing."""
    queue = make_queue()
    queue.put(row_of(MAX_BODY_BYTES))
    queue.put(b'{"M":1}')

    assert queue.accounts()[2] == {DropReason.TOO_LARGE: 1}
    assert seqs(take_all(queue)) == [2]
    assert_balanced(queue)


def test_a_row_over_the_limit_of_a_body_pushes_no_other_out():
    """With drop_oldest, too, room is made only for a row that can be carried."""
    queue = make_queue(capacity=2_100_000, on_full=OnFull.DROP_OLDEST)
    for _ in range(4):
        queue.put(row_of(499_000))
    queue.put(row_of(MAX_BODY_BYTES))

    assert queue.accounts()[2] == {DropReason.TOO_LARGE: 1}
    assert seqs(take_all(queue)) == [1, 2, 3, 4]


def test_an_exception_in_the_wake_up_leaves_the_room_counted():
    """Ctrl-C may come where the senders are woken; what the row takes is known all the same."""

    def wake():
        raise KeyboardInterrupt

    queue = make_queue(wake=wake)
    with pytest.raises(KeyboardInterrupt):
        queue.put(row_of(1_000))

    assert queue.accounts()[:4] == (1, 0, {}, 1)
    assert queue._waiting.used == 1_000 + ROW_OVERHEAD
    queue._flush_through = 1
    queue.settle(queue.take())
    assert queue._waiting.used == 0
    assert queue.accounts()[:4] == (1, 1, {}, 0)


def test_rows_laid_aside_are_taken_in_when_the_outer_put_fails():
    """A signal handler's row must not wait for a put that never comes."""
    queue = make_queue()

    class Interrupted(bytes):
        def __len__(self):
            queue.put(b'{"M":"aside"}')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.put(Interrupted(b'{"M":"never"}'))

    assert queue.accounts()[:4] == (1, 0, {}, 1)
    (row,) = take_all(queue)[0].rows()
    assert msgspec.json.decode(row)["M"] == "aside"


def test_a_full_queue_drops_the_newest_row_and_leaves_a_gap():
    """With drop_newest the held rows stay, the new one is counted, and Seq shows the gap later."""
    queue = make_queue(capacity=3 * (200 + ROW_OVERHEAD))
    for _ in range(5):
        queue.put(row_of(140))

    first = take_all(queue)
    assert seqs(first) == [1, 2, 3]
    assert queue.accounts()[2] == {DropReason.QUEUE_FULL: 2}
    queue.settle(first[0])
    queue.put(row_of(140))
    assert seqs(take_all(queue)) == [6]
    assert_balanced(queue)


def test_drop_oldest_gives_up_sealed_batches_and_takes_the_newest_row():
    """With drop_oldest the oldest batch that is not on its way goes, whole, and is counted."""
    queue = make_queue(capacity=2_100_000, on_full=OnFull.DROP_OLDEST)
    for _ in range(5):
        queue.put(row_of(499_000))

    assert seqs(take_all(queue)) == [3, 4, 5]
    assert queue.accounts()[2] == {DropReason.QUEUE_FULL: 2}
    assert_balanced(queue)


def test_drop_oldest_keeps_a_batch_that_is_on_its_way():
    """A batch in flight may have been delivered already, so it is not what is given up."""
    queue = make_queue(capacity=1_100_000, on_full=OnFull.DROP_OLDEST)
    for _ in range(2):
        queue.put(row_of(499_000))
    in_flight = take_all(queue)
    queue.put(row_of(499_000))

    assert queue.accounts()[2] == {DropReason.QUEUE_FULL: 1}
    queue.settle(in_flight[0])
    assert queue.accounts()[1] == 2
    assert_balanced(queue)


def test_room_comes_back_when_a_batch_is_settled_packed_or_not():
    """What a batch was charged is what it gives back, so that capacity neither leaks nor grows."""
    queue = make_queue(capacity=1_200_000)
    for turn in range(1, 30):
        queue.put(row_of(900_000))
        (batch,) = take_all(queue)
        batch.pack()
        if turn % 3 == 0:
            queue.give_back(batch)
            assert queue.take() is batch
        queue.settle(batch)

    assert queue.accounts()[:4] == (29, 29, {}, 0)
    assert not queue.put(row_of(1_200_000), if_room=True)
    assert queue.put(row_of(900_000), if_room=True)
    assert not queue.put(row_of(900_000), if_room=True)


def test_what_is_left_at_exit_is_counted():
    """Open, sealed and in-flight rows alike are dropped with the reason exit."""
    queue = make_queue()
    queue.put(row_of(999_000))
    queue.put(row_of(999_000))
    queue.put(b'{"M":1}')
    queue.take()

    assert queue.drop_rest(DropReason.EXIT) == 3
    assert queue.accounts()[:4] == (3, 0, {DropReason.EXIT: 3}, 0)


def test_an_answer_after_the_exit_changes_nothing():
    """A batch that was counted as lost is not counted again when its answer comes after all."""
    queue = make_queue()
    queue.put(b'{"M":1}')
    queue.put(b'{"M":2}')
    (batch,) = take_all(queue)
    queue.drop_rest(DropReason.EXIT)
    queue.settle(batch)
    queue.give_back(batch)

    assert queue.accounts()[:4] == (2, 0, {DropReason.EXIT: 2}, 0)
    assert queue.take() is None


@given(st.lists(st.integers(10, 400_000), max_size=40))
def test_any_list_of_rows_makes_batches_within_the_limit_lossless_and_in_order(sizes):
    """Whatever the sizes, the batches together hold exactly the rows, in order, each body within bounds."""
    queue = make_queue()
    for size in sizes:
        queue.put(row_of(size))
    batches = take_all(queue)

    assert seqs(batches) == list(range(1, len(sizes) + 1))
    for batch in batches:
        assert batch.size <= MAX_BODY_BYTES
        assert sum(map(len, batch.rows())) + 2 * batch.count <= batch.size


@given(st.lists(st.sampled_from(["put", "big", "take", "settle", "back", "exit", "flush"]), max_size=60))
def test_the_accounts_balance_after_any_sequence_of_events(events):
    """Accepted is delivered plus dropped plus pending, whatever happens in whatever order."""
    queue = make_queue(capacity=2_000_000, on_full=OnFull.DROP_OLDEST)
    in_flight = []
    for event in events:
        match event:
            case "put":
                queue.put(row_of(100))
            case "big":
                queue.put(row_of(600_000))
            case "take" if (batch := queue.take()) is not None:
                in_flight.append(batch)
            case "settle" if in_flight:
                queue.settle(in_flight.pop())
            case "back" if in_flight:
                in_flight[-1].pack()
                queue.give_back(in_flight.pop())
            case "exit":
                queue.drop_rest(DropReason.EXIT)
            case "flush":
                queue.request_flush()
        assert_balanced(queue)


class _Logs:
    """An object whose end of life logs, as an unclosed file's ResourceWarning does."""

    def __init__(self, queue):
        self.queue = queue
        self.myself = self  # a cycle, so that only the garbage collector ends it

    def __del__(self):
        self.queue.put(b'{"M":"from __del__"}')


def test_a_put_inside_a_put_gets_a_seq_of_its_own():
    """A garbage collection inside the queue's section logs 1,000 times: no Seq twice, no deadlock."""
    collected = 0

    class Row(bytes):
        """Collects garbage when the queue, inside its section, asks for its length."""

        def __len__(self):
            nonlocal collected
            collected += gc.collect(0)
            return super().__len__()

    queue = make_queue()
    for _ in range(1_000):
        _Logs(queue)
        queue.put(Row(b'{"M":"outer"}'))

    assert collected >= 1_000
    assert sorted(seqs(take_all(queue))) == list(range(1, 2_001))
    assert_balanced(queue)


def test_a_put_gives_way_to_who_is_inside(monkeypatch):
    """It comes back when the other has left, and never waits for the lock itself."""
    queue = make_queue()
    entered, leave = threading.Event(), threading.Event()
    other = threading.Thread(target=lambda: queue.section.run(lambda: entered.set() or leave.wait(5)))
    turns = []

    def let_other_leave(seconds):
        turns.append(seconds)
        leave.set()
        other.join(5)

    monkeypatch.setattr("dcrlog._section.sleep", let_other_leave)
    other.start()
    assert entered.wait(5)
    queue.put(b'{"M":"m"}')

    assert turns == [0]
    assert seqs(take_all(queue)) == [1]


def test_a_put_inside_a_put_gives_way_to_nobody(monkeypatch):
    """It would wait for itself."""
    queue = make_queue()
    monkeypatch.setattr("dcrlog._section.sleep", pytest.fail)

    queue.section.run(queue.put, b'{"M":"inner"}')

    assert seqs(take_all(queue)) == [1]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no interval timer")
def test_a_signal_handler_that_logs_neither_deadlocks_nor_repeats_a_seq():
    """A 0.1 ms timer whose handler puts, under 200,000 puts: each row once, each batch within bounds."""
    queue = make_queue(flush_interval=3600.0)
    fired = 0

    def handler(signum, frame):
        nonlocal fired
        fired += 1
        queue.put(b'{"M":"from a signal"}')

    previous = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        for _ in range(200_000):
            queue.put(b'{"M":"m"}')
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, previous)

    batches = take_all(queue)
    assert fired > 100
    found = [int(seq) for batch in batches for seq in re.findall(rb'"Seq":(\d+)', b",".join(batch.rows()))]
    assert sorted(found) == list(range(1, 200_001 + fired))
    assert all(batch.size <= MAX_BODY_BYTES for batch in batches)
    assert_balanced(queue)
