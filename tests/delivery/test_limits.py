"""Bodies stay within the limit of the service, whatever is logged."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcrlog import LogsIngestionHandler
from dcrlog.testing import RecordingSender
from pipelines import make_logger

LIMIT = 1_048_576


@pytest.fixture
def logger():
    """A logger of its own."""
    return make_logger("limits")


def deliver(logger, messages, **options):
    """Log the messages; return the bodies and what each body's rows were."""
    sender = RecordingSender()
    handler = LogsIngestionHandler(sender=sender, **options)
    logger.handlers = [handler]
    for message in messages:
        logger.info(message)
    assert handler.flush(60)
    stats = handler.stats()
    assert stats.accepted == stats.delivered == len(messages)
    handler.close()
    logger.handlers = []
    return sender.bodies, [msgspec.json.decode(body) for body in sender.bodies]


def assert_complete_and_in_order(batches, count):
    seqs = [[row["Seq"] for row in rows] for rows in batches]
    assert all(batch == sorted(batch) for batch in seqs)
    assert sorted(seq for batch in seqs for seq in batch) == list(range(1, count + 1))


def test_200_000_records_of_one_character_stay_within_the_limit(logger):
    """The official client sums rows without their separators, and sends 1.25 MiB here."""
    rule = {
        "streamDeclarations": {
            "Custom-A": {"columns": [{"name": "Message", "type": "string"}, {"name": "Seq", "type": "long"}]}
        },
        "dataFlows": [{"streams": ["Custom-A"], "outputStream": "Custom-A_CL"}],
    }
    bodies, batches = deliver(logger, ["x"] * 200_000, rule=rule)

    assert max(map(len, bodies)) <= LIMIT
    # Full batches are full: 5 to 6 MB of rows fit into 7 bodies.
    assert len(bodies) < 40
    assert_complete_and_in_order(batches, 200_000)


@given(st.lists(st.text(max_size=50) | st.integers(0, 400_000).map("é".__mul__), max_size=30))
def test_any_list_of_messages_stays_within_the_limit(messages):
    """Short ones, long ones, in any alphabet: nothing lost, nothing reordered within a batch."""
    bodies, batches = deliver(make_logger("limits"), messages)

    assert all(len(body) <= LIMIT for body in bodies)
    assert_complete_and_in_order(batches, len(messages))
