"""The file of a checkpoint: whose it is."""

import fcntl

import pytest

from dcrlog.cli.sending.checkpoint import Checkpoint, CheckpointFile
from dcrlog.errors import ConfigError

ASKED = Checkpoint("here", ["/a"], None, "id")


def test_a_checkpoint_that_is_replaced_while_another_waits_for_it_is_taken_as_it_is_then(
    tmp_path, monkeypatch
):
    """Not the one that was there before, which nobody would see any more."""
    path = tmp_path / "place"
    path.touch()
    flock = fcntl.flock

    def replace_first(descriptor, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        (tmp_path / "new").touch()
        (tmp_path / "new").replace(path)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    first = CheckpointFile(path)

    with pytest.raises(ConfigError, match="another dcrlog send is at work"):
        CheckpointFile(path)
    first.close()
    CheckpointFile(path).close()


def test_a_checkpoint_stays_ones_own_while_it_is_written(tmp_path):
    """Each time there is another file of the name."""
    path = tmp_path / "place"
    first = CheckpointFile(path)
    first.write(ASKED)
    first.write(ASKED)

    with pytest.raises(ConfigError, match="another dcrlog send is at work"):
        CheckpointFile(path)
    first.close()
    second = CheckpointFile(path)
    assert second.begin(ASKED) == ASKED
    second.close()
