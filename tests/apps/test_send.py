"""`dcrlog send`, beside the emulator."""

import collections
import gzip
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dcrlog.cli import make_app
from dcrlog.emulator import Emulator, Fault
from dcrlog.emulator.rules import DEFAULT_RULE
from pipelines import until

SEND = [sys.executable, "-m", "dcrlog", "send"]
TABLE = "AppLogs_CL"


@pytest.fixture
def send(emulator, tmp_path, monkeypatch):
    """The command, in this process, in an empty directory: the exit status, and what it told as JSON."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(make_app(), ["send", "--json", *map(str, arguments)])
        told = json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout
        run.stderr = done.stderr
        return done.exit_code, told

    return run


def write(path, rows):
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def some(count, start=0):
    return [{"Level": "INFO", "Message": f"row {number}"} for number in range(start, start + count)]


def messages(emulator):
    return collections.Counter(row["Message"] for row in emulator.rows(TABLE))


def test_lines_arrays_gzip_and_text_all_arrive(send, emulator, tmp_path):
    """Each is known by how it begins; plain text by the column that takes it."""
    lines = write(tmp_path / "a.ndjson", some(3))
    packed = tmp_path / "b.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(some(3, 3), indent=2).encode()))
    text = tmp_path / "c.log"
    text.write_text("row 6\nrow 7\n")

    status, told = send(lines, packed)
    assert (status, told["delivered"], told["complete"]) == (0, 6, True)
    status, told = send("--field", "Message", text)
    assert (status, told["delivered"]) == (0, 2)

    assert messages(emulator) == {f"row {number}": 1 for number in range(8)}


def test_rows_are_numbered_by_their_place_in_the_input(send, emulator, tmp_path):
    """The default stream has columns for it; the id says which run it was."""
    _, told = send(write(tmp_path / "a.ndjson", some(3)))

    rows = emulator.rows(TABLE)
    assert [row["Seq"] for row in rows] == [1, 2, 3]
    assert {row["InstanceId"] for row in rows} == {told["input_id"]}


def test_a_line_that_is_no_json_is_named_and_kept(send, emulator, tmp_path):
    """With its number, and the others arrive; the status says that not all did."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"Message": "good"}\nboom\n{"Message": "also good"}\n[1]\n')

    status, told = send(path)

    assert (status, told["unusable"], told["delivered"]) == (1, 2, 2)
    assert f"{path}, line 2: it is not JSON: " in send.stderr
    assert f"{path}, line 4: it is not a JSON object but an array." in send.stderr
    kept = [json.loads(line) for line in (tmp_path / "dcrlog-rejects.ndjson").read_text().splitlines()]
    assert [(each["line"], each["text"]) for each in kept] == [(2, "boom"), (4, "[1]")]


def test_a_member_that_the_rule_does_not_declare_is_told(send, emulator, tmp_path):
    """The service would answer 204 and drop it."""
    rule = tmp_path / "dcr.json"
    rule.write_text(json.dumps({**DEFAULT_RULE, "immutableId": emulator.rule_id}))
    path = write(tmp_path / "a.ndjson", [{"Message": "m", "Color": "red"}])

    status, told = send("--rule", rule, path)

    assert (status, told["undeclared"]) == (0, {"Color": 1})


def test_what_cannot_be_sent_is_told_before_anything_is(send, emulator, tmp_path):
    """A file that is missing, a stream that cannot be one, a column that is none, and two formats at once."""
    path = write(tmp_path / "a.ndjson", some(1))

    assert send(path, tmp_path / "missing")[1].startswith("dcrlog send: the file ")
    assert "must start with 'Custom-'" in send("--stream", "AppLogs_CL", path)[1]
    assert "plain text needs a column" in send("--format", "text", path)[1]
    assert "--field takes lines" in send("--field", "Message", "--format", "array", path)[1]
    assert emulator.requests() == []


def test_gzip_that_was_cut_off_is_told_and_what_came_before_arrives(send, emulator, tmp_path):
    """A copy that was not finished: the status says that it is not all."""
    path = tmp_path / "a.ndjson.gz"
    whole = gzip.compress(write(tmp_path / "a.ndjson", some(5_000)).read_bytes())
    path.write_bytes(whole[: len(whole) // 2])

    status, told = send(path)

    assert status == 1
    assert "cannot be read behind record" in told["failure"]
    assert 0 < told["delivered"] == emulator.count(TABLE) < 5_000


def test_a_service_that_takes_nothing_is_given_up_and_the_rest_goes_on_from_the_checkpoint(
    send, emulator, tmp_path
):
    """403: nothing is lost, the remedy is told, and the same command finishes it."""
    path = write(tmp_path / "a.ndjson", some(10))
    emulator.faults.add(Fault("status", status=403))

    status, told = send("--checkpoint", tmp_path / "place", "--patience", "0.3", path)
    assert (status, told["gave_up"], told["left"]) == (1, True, 10)
    assert "HTTP 403" in told["last_error"]
    emulator.faults.clear()
    status, told = send("--checkpoint", tmp_path / "place", path)

    assert (status, told["delivered"]) == (0, 10)


def test_the_same_command_with_a_checkpoint_sends_only_what_was_added(send, emulator, tmp_path):
    """A file may grow; the numbers go on."""
    path = write(tmp_path / "a.ndjson", some(10))
    send("--checkpoint", tmp_path / "place", path)
    write(path, some(12))

    status, told = send("--checkpoint", tmp_path / "place", path)

    assert (status, told["before"], told["delivered"]) == (0, 10, 2)
    assert [row["Seq"] for row in emulator.rows(TABLE)] == list(range(1, 13))


def test_a_checkpoint_is_refused_for_anything_else(send, emulator, tmp_path):
    """Other files, another stream, a file that was replaced, and one that is no checkpoint."""
    path, place = write(tmp_path / "a.ndjson", some(10)), tmp_path / "place"
    send("--checkpoint", place, path)

    assert "is about the files" in send("--checkpoint", place, write(tmp_path / "b.ndjson", some(1)))[1]
    assert "is about the destination" in send("--checkpoint", place, "--stream", "Custom-B", path)[1]
    write(path, some(10, 90))
    assert "is not the one that the checkpoint is about" in send("--checkpoint", place, path)[1]
    place.write_text("{}")
    assert "is no checkpoint" in send("--checkpoint", place, path)[1]
    assert emulator.count(TABLE) == 10


@pytest.mark.parametrize("kind", ["ndjson", "array", "text"])
def test_gzip_of_each_kind_goes_on_where_it_was_left(send, emulator, tmp_path, kind):
    """Behind what was settled: every row is there, and by its Seq the right one."""
    rows = [{"Message": f"{number:05d} {'x' * 1_000}"} for number in range(1, 3_001)]
    text = {
        "ndjson": "\n".join(map(json.dumps, rows)),
        "array": json.dumps(rows),
        "text": "\n".join(row["Message"] for row in rows),
    }[kind]
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(text.encode()))
    options = ["--checkpoint", tmp_path / "place", *(["--field", "Message"] if kind == "text" else [])]
    emulator.faults.add(Fault("status", status=403, nth=list(range(2, 200))))

    status, told = send(*options, "--patience", "0.3", path)
    assert (status, told["delivered"] > 0, told["left"] > 0) == (1, True, True)
    assert settled(tmp_path / "place") > 0
    emulator.faults.clear()
    status, told = send(*options, path)

    assert (status, told["before"] > 0) == (0, True)
    arrived = {(row["Seq"], int(row["Message"][:5])) for row in emulator.rows(TABLE)}
    assert arrived == {(number, number) for number in range(1, 3_001)}


def test_a_pipe_is_opened_once_and_read_to_its_end(send, emulator, tmp_path):
    """As a shell's <(...) makes it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lines = "".join(f"{json.dumps(row)}\n" for row in some(1_000))
    writer = threading.Thread(target=pipe.write_text, args=(lines,))
    writer.start()
    status, told = send(pipe)
    writer.join(30)

    assert (status, told["delivered"]) == (0, 1_000)


def settled(place):
    return json.loads(place.read_text())["position"]["total"]


def peak_kib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def kill_and_resume(emulator, tmp_path, count, kills):
    """Send rows with so many kills in between; return how often each Seq is in the table."""
    path = tmp_path / "many.ndjson"
    with path.open("w") as file:
        for number in range(1, count + 1):
            row = {"Message": f"{number:08d} {os.urandom(60).hex()}"}
            file.write(f"{json.dumps(row)}\n" if number % 1_000 else "boom\n")
    place = tmp_path / "place"
    command = [*SEND, "--checkpoint", str(place), "--json", str(path)]
    environment = os.environ | emulator.environment() | {"DCRLOG_MAX_SENDERS": "2"}
    for kill in range(1, kills + 1):
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
            wanted = count * kill // (kills + 1)

            def is_so_far(wanted=wanted):
                return place.exists() and settled(place) >= wanted // 2 and emulator.count(TABLE) >= wanted

            # Each for half a minute; a million rows take longer on a busy machine.
            assert any(until(is_so_far) for _ in range(10))
            # Of any size of input: the SDK's 60 MiB, and the 16 MiB that may wait, in several forms.
            assert peak_kib(process.pid) < 160 * 1024
            process.kill()
        assert process.returncode == -signal.SIGKILL
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["before"] > 0, told["left"]) == (True, 0)
    rejects = (tmp_path / "dcrlog-rejects.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in rejects] == list(range(1_000, count + 1, 1_000))
    return collections.Counter(row["Seq"] for row in emulator.rows(TABLE))


SOAK = [pytest.mark.soak, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize(("count", "kills"), [(30_000, 1), pytest.param(1_000_000, 3, marks=SOAK)])
def test_after_kills_every_row_is_there_and_few_are_double(tmp_path, count, kills):
    """At least once; twice at most what waited: 16 MiB of rows, by their Seq the same ones."""
    with Emulator(max_rows=2_000_000) as emulator:
        emulator.faults.add(Fault("delay", seconds=0.1))
        seen = kill_and_resume(emulator, tmp_path, count, kills)

    assert seen.keys() == {number for number in range(1, count + 1) if number % 1_000}
    double = sum(times - 1 for times in seen.values())
    assert double <= kills * 16 * 1024 * 1024 / 150


def test_ctrl_c_ends_it_with_its_status_and_a_checkpoint(emulator, tmp_path):
    """What was read so far is delivered, the account told, and the rest left for the next run."""
    command = [*SEND, "--checkpoint", str(tmp_path / "place"), "--json", "-"]
    environment = os.environ | emulator.environment()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, **pipes) as process:
        for row in some(1_000):
            process.stdin.write(json.dumps(row) + "\n")
        process.stdin.flush()
        assert until(lambda: emulator.count(TABLE) > 0)
        process.send_signal(signal.SIGINT)
        told = json.loads(process.stdout.read())

    assert process.returncode == 128 + signal.SIGINT
    assert (told["left"], told["complete"]) == (0, False)
    assert settled(tmp_path / "place") == told["read"]


def test_a_terminal_shows_a_bar_with_rate_and_remaining_time(emulator, tmp_path):
    """And without one, nothing but the account."""
    path = write(tmp_path / "a.ndjson", some(20_000))
    emulator.faults.add(Fault("delay", seconds=0.5, times=1))
    ours, theirs = pty.openpty()
    environment = os.environ | emulator.environment() | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [*SEND, str(path)], env=environment, cwd=tmp_path, stderr=theirs, stdout=subprocess.PIPE, text=True
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

    assert process.returncode == 0
    bar = shown.getvalue().decode()
    assert re.search(r"100%.* 20,000 rows, [\d,]+/s.*0:00:0", bar)
    assert account.startswith("20,000 read, 20,000 rows, 20,000 delivered")
