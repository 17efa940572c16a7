"""`dcrlog send`, killed and interrupted."""

import collections
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dcrlog.cli.sending.stop import Ended, caught_signals
from dcrlog.emulator import Emulator, Fault
from pipelines import until
from sends import TABLE, peak_kib, rejected, settled, some, start_send

SENDERS = 2
BROKEN = 1_000
"""One line of so many is broken."""
MOST_KIB = 160 * 1024
"""Of any size of input: the SDK's 60 MiB, and the rows that may be under way, in several forms."""


def write_many(path, count):
    """Lines that say which they are, with a broken one now and then; return the bytes of the shortest row."""
    with path.open("w") as file:
        for number in range(1, count + 1):
            row = {"Message": f"{number:08d} {os.urandom(60).hex()}"}
            file.write(f"{json.dumps(row)}\n" if number % BROKEN else "boom\n")
    return len(json.dumps(row, separators=(",", ":")))


def kill_and_resume(emulator, tmp_path, count, kills):
    """Send lines with so many kills in between; return how the last run ended, and the peaks of memory."""
    place, peaks = tmp_path / "place", []
    command = ["--checkpoint", place, "--json", tmp_path / "many.ndjson"]
    environment = {"DCRLOG_MAX_SENDERS": str(SENDERS)}
    for kill in range(1, kills + 1):
        with start_send(
            emulator, tmp_path, *command, environment=environment, stderr=subprocess.DEVNULL
        ) as process:
            wanted = count * kill // (kills + 1)
            # Each for half a minute; a million rows take longer on a busy machine.
            assert any(until(lambda wanted=wanted: settled(place) >= wanted) for _ in range(10))
            peaks.append(peak_kib(process.pid))
            process.kill()
        assert process.returncode == -signal.SIGKILL
    with start_send(
        emulator,
        tmp_path,
        *command,
        environment=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert any(until(lambda: note_peak(process, peaks)) for _ in range(20))
        told = json.loads(process.stdout.read())
    return told, peaks


def note_peak(process, peaks):
    """Note the most memory that it has had; return whether it has ended."""
    if process.poll() is None:
        peaks.append(peak_kib(process.pid))
    return process.returncode is not None


SOAK = [pytest.mark.soak, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize(("count", "kills"), [(30_000, 1), pytest.param(1_000_000, 3, marks=SOAK)])
def test_after_kills_every_row_is_there_and_no_more_double_than_were_under_way(
    tmp_path, count, kills, record_property
):
    """Each line by its id, broken ones in the file of rejects once, and memory within its bound."""
    begun = time.monotonic()
    shortest = write_many(tmp_path / "many.ndjson", count)
    with Emulator(max_rows=2 * count) as emulator:
        emulator.faults.add(Fault("delay", seconds=0.1))
        told, peaks = kill_and_resume(emulator, tmp_path, count, kills)
        rows = emulator.rows(TABLE)
    seen = collections.Counter(int(row["Message"][:8]) for row in rows)
    double = seen.total() - len(seen)
    bound = kills * (SENDERS + 1) * 1_000_000 // shortest
    figures = {"rows": len(seen), "double": double, "bound": bound, "rejects": len(rejected(tmp_path))}
    figures |= {"peak_mib": max(peaks) // 1024, "seconds": round(time.monotonic() - begun)}
    for name, value in figures.items():
        record_property(name, value)
    print(figures)

    assert seen.keys() == {number for number in range(1, count + 1) if number % BROKEN}
    assert all(row["Seq"] == int(row["Message"][:8]) for row in rows)
    assert double <= bound
    assert [each["line"] for each in rejected(tmp_path)] == list(range(BROKEN, count + 1, BROKEN))
    assert (told["before"] > 0, told["left"], told["failure"]) == (True, 0, None)
    assert max(peaks) < MOST_KIB


def interrupt(emulator, tmp_path, number):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = ["--checkpoint", tmp_path / "place", "--json", "-"]
    with start_send(emulator, tmp_path, *command, **pipes) as process:
        for row in some(1_000):
            process.stdin.write(json.dumps(row) + "\n")
        process.stdin.write('{"Message": "ha')
        process.stdin.flush()
        assert until(lambda: emulator.count(TABLE) > 0)
        process.send_signal(number)
        told = json.loads(process.stdout.read())
    return process.returncode, told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_status_and_a_checkpoint(emulator, tmp_path, number):
    """What was read so far is delivered, the account told, and the rest left for the next run."""
    status, told = interrupt(emulator, tmp_path, number)

    assert status == 128 + number
    assert (told["left"], told["complete"], told["unusable"]) == (0, False, 0)
    assert settled(tmp_path / "place") == told["read"] == 1_000


def catches(process, number):
    """Whether it has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return bool(int(re.search(r"SigCgt:\s+([0-9a-f]+)", status)[1], 16) >> (number - 1) & 1)


def test_a_second_signal_ends_it_at_once(emulator, tmp_path):
    """Whatever is under way: by the signal itself, without a traceback."""
    hanging = emulator.faults.add(Fault("hang"))
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with start_send(emulator, tmp_path, "-", **pipes) as process:
        process.stdin.write('{"Message": "m"}\n' * 1_000)
        process.stdin.flush()
        assert hanging.wait()
        process.send_signal(signal.SIGTERM)
        assert until(lambda: not catches(process, signal.SIGINT))
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]
    emulator.faults.clear()

    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in told


def test_after_a_first_signal_the_next_has_its_usual_effect():
    """Of either kind; and outside both are handled as before."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(number) for number in numbers]
    with caught_signals() as stop:
        signal.raise_signal(signal.SIGTERM)
        inside = [signal.getsignal(number) for number in numbers]

    assert (stop.number, inside) == (signal.SIGTERM, [signal.SIG_DFL] * 2)
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_signal_that_was_ignored_stays_so(emulator, tmp_path):
    """A shell lets what runs in the background ignore Ctrl-C."""

    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with start_send(emulator, tmp_path, "-", stdin=subprocess.PIPE, preexec_fn=ignore) as process:
        assert until(lambda: catches(process, signal.SIGTERM))
        assert not catches(process, signal.SIGINT)


def test_a_signal_ends_whatever_waits_for_input():
    """And what would wait afterwards, does not begin to; the handlers are as they were then."""
    before = signal.getsignal(signal.SIGINT)
    with caught_signals() as stop:
        assert stop.wait_for(lambda: 17) == 17
        with pytest.raises(Ended):
            stop.wait_for(lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Ended):
            stop.wait_for(lambda: pytest.fail("it waits"))

    assert (stop.number, signal.getsignal(signal.SIGINT)) == (signal.SIGINT, before)


def test_a_signal_while_nothing_waits_is_noted_only():
    """Rows are not left half way."""
    with caught_signals() as stop:
        assert stop.wait_for(lambda: 17) == 17
        signal.raise_signal(signal.SIGTERM)

    assert stop.number == signal.SIGTERM
