"""`dcrlog send`: what it writes, to a terminal, to a pipe that is closed, and to a disk that is full."""

import io
import json
import os
import pty
import re
import subprocess

import pytest

from dcrlog.emulator import Fault
from sends import TABLE, some, start_send, write


def shown_on_a_terminal(emulator, tmp_path, columns):
    """Send with a terminal as stderr; return the status, stdout, and what the terminal got."""
    path = write(tmp_path / "a.ndjson", [*some(20_000), {}])
    emulator.faults.add(Fault("delay", seconds=0.5, times=1))
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": columns}
    with start_send(
        emulator, tmp_path, path, environment=environment, stderr=theirs, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        shown = io.BytesIO()
        try:
            while block := os.read(ours, 65_536):
                shown.write(block)
        except OSError:
            pass  # how a terminal says that nobody is at its other end any more
        account = process.stdout.read()
    os.close(ours)
    return process.returncode, account, shown.getvalue().decode()


def test_a_terminal_shows_a_bar_with_rate_and_remaining_time(emulator, tmp_path):
    """Beside it what is rejected is told, and behind it the account."""
    status, account, shown = shown_on_a_terminal(emulator, tmp_path, "100")

    assert status == 1
    assert re.search(r"100%.* 20,000 rows, [\d,]+/s.*0:00:0", shown)
    assert re.search(r"a\.ndjson, line 20001: it is an empty object", re.sub(r"\s+", " ", shown))
    assert account.startswith("20,001 read, 20,000 rows, 20,000 delivered, 1 unusable (see dcrlog-rejects")


def test_a_narrow_terminal_shows_what_fits(emulator, tmp_path):
    """Twenty columns are not too few to begin."""
    status, account, shown = shown_on_a_terminal(emulator, tmp_path, "20")

    assert (status, "20,000 rows" in shown, account.startswith("20,001 read")) == (1, True, True)


def run(emulator, tmp_path, shell, *arguments):
    """The command with a redirection of a shell's behind it; status, stdout and stderr."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"Message": "m"}\nboom\n')
    with start_send(
        emulator,
        tmp_path,
        *arguments,
        path,
        shell=shell,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, told = process.communicate(timeout=60)
    assert emulator.count(TABLE) == 1
    assert "Traceback" not in told
    return process.returncode, output, told


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_an_account_that_cannot_be_written_is_told_on_stderr(emulator, tmp_path, arguments):
    """The rows have arrived, but nobody knows; and no traceback follows."""
    status, _, told = run(emulator, tmp_path, ">/dev/full", *arguments)

    assert status == 1
    assert "what there is to tell cannot be written to standard output: No space left on device." in told


def test_whoever_reads_the_account_may_have_gone(emulator, tmp_path):
    """As `| head` does."""
    status, _, told = run(emulator, tmp_path, "| (exec <&-; sleep 0); exit ${PIPESTATUS[0]}")

    assert (status, told.count("\n")) == (1, 1)


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_work_goes_on_where_nothing_can_be_told(emulator, tmp_path, shell):
    """And nothing of it gets among the account."""
    status, output, _ = run(emulator, tmp_path, shell, "--json")

    told = json.loads(output)
    assert (status, told["delivered"], told["unusable"]) == (1, 1, 1)


def test_standard_input_that_is_closed_is_told(emulator, tmp_path):
    """Where no file is named."""
    with start_send(emulator, tmp_path, shell="<&-", stdout=subprocess.PIPE, text=True) as process:
        assert "standard input is closed: name a file" in process.communicate(timeout=60)[0]
    assert process.returncode == 1


def test_who_sends_from_a_terminal_is_told_how_it_ends(emulator, tmp_path):
    """A cursor that blinks tells nothing."""
    ours, theirs = pty.openpty()
    with start_send(emulator, tmp_path, stdin=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        assert "reads from the terminal; Ctrl-D" in process.stderr.readline()
        os.write(ours, b'{"Message": "m"}\n\x04')
        assert process.wait(60) == 0
    os.close(ours)
    assert emulator.count(TABLE) == 1
