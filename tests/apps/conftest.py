"""Examples served as their users serve them."""

import pytest

from servers import EXAMPLES, free_port, running


@pytest.fixture
def serve(emulator, tmp_path):
    """Run a command in the directory of an example, on a port that takes the place of PORT."""

    def start(command, *, directory=EXAMPLES, port=True, **environment):
        number = free_port() if port else None
        words = [str(word).replace("PORT", str(number)) for word in command]
        # Rows wait for the process's end: what arrives was flushed there.
        environment = {"DCRLOG_FLUSH_INTERVAL": "60", **emulator.environment(), **environment}
        return running(words, environment=environment, cwd=directory, output=tmp_path / "output", port=number)

    return start
