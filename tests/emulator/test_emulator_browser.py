"""A browser uses the page, where this machine has one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "javascript" / "browser.mjs"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(not BROWSER, reason="Chromium is not on this machine")
@pytest.mark.skipif(not shutil.which("node"), reason="node is not on this machine")
def test_the_page_can_be_used(emulator, tmp_path):
    """Rows appear without a reload; filter, pause, stories, faults, views work, and nothing complains."""
    path = f"/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01"
    environment = os.environ | {
        "ADDRESS": f"{emulator.http_endpoint}/",
        "UPLOAD": f"{emulator.http_endpoint}{path}",
        "TOKEN": emulator.token(),
    }
    # Node has a WebSocket of its own, which is behind a flag in version 20.
    node = ["node", "--experimental-websocket"]
    if subprocess.run([*node, "-e", "WebSocket"], capture_output=True, check=False).returncode:
        pytest.skip("node is older than version 20.10")
    command = [*node, str(SCRIPT), BROWSER, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)

    assert done.returncode == 0, done.stderr
    assert [row["Message"] for row in emulator.rows("AppLogs_CL")] == [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
    ]
