"""`dcrlog send --checkpoint`: what goes on where, and what is refused."""

import gzip
import json
import resource
import subprocess

import pytest

from dcrlog.emulator import Fault
from pipelines import until
from sends import TABLE, messages, rejected, settled, some, start_send, write


@pytest.fixture
def place(tmp_path):
    """The checkpoint."""
    return tmp_path / "place"


@pytest.fixture
def one_sender(monkeypatch):
    """The order of batches is that of the input."""
    monkeypatch.setenv("DCRLOG_MAX_SENDERS", "1")


def test_the_same_command_with_a_checkpoint_sends_only_what_was_added(send, emulator, tmp_path, place):
    """A file may grow; the numbers go on, and an empty checkpoint is none."""
    path = write(tmp_path / "a.ndjson", some(10))
    place.touch()
    assert send("--checkpoint", place, path)[1]["delivered"] == 10
    write(path, some(12))

    status, told = send("--checkpoint", place, path)

    assert (status, told["before"], told["delivered"]) == (0, 10, 2)
    assert "goes on behind number 10 of " in send.stderr
    assert [row["Seq"] for row in emulator.rows(TABLE)] == list(range(1, 13))


def test_an_input_that_is_settled_may_be_gone_when_the_command_goes_on(send, tmp_path, place):
    """People delete, and rotate, what has been sent."""
    first, second = write(tmp_path / "a.ndjson", some(3)), write(tmp_path / "b.ndjson", some(2))
    assert send("--checkpoint", place, first, second)[1]["delivered"] == 5
    first.unlink()
    write(second, some(4))

    status, told = send("--checkpoint", place, first, second)

    assert (status, told["before"], told["delivered"]) == (0, 5, 2)


@pytest.mark.parametrize("options", [[], ["--field", "Message"]])
def test_half_a_line_at_the_end_of_what_may_grow_is_left_until_it_has_its_end(
    send, emulator, tmp_path, place, options
):
    """And is neither sent nor rejected; with its number and its Seq it comes in the next run."""
    path = tmp_path / "a.log"
    half = "row 1, ha" if options else '{"Message": "row 1, ha'
    rest = "lf\n" if options else 'lf"}\n'
    path.write_text(("row 0\n" if options else '{"Message": "row 0"}\n') + half)

    status, told = send("--checkpoint", place, *options, path)
    assert (status, told["delivered"], told["unfinished_bytes"], told["unusable"]) == (1, 1, len(half), 0)
    with path.open("a") as file:
        file.write(rest)
    status, told = send("--checkpoint", place, *options, path)

    assert (status, told["before"], told["delivered"]) == (0, 1, 1)
    assert [(row["Seq"], row["Message"]) for row in emulator.rows(TABLE)] == [
        (1, "row 0"),
        (2, "row 1, half"),
    ]
    assert rejected(tmp_path) == []


def test_a_whole_object_needs_no_newline_and_lines_behind_it_have_their_numbers(
    send, emulator, tmp_path, place
):
    """Nothing but blanks could follow it."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"Message": "row 0"}\n{"Message": "row 1"}')
    assert send("--checkpoint", place, path)[0] == 0
    with path.open("a") as file:
        file.write("\nboom\n")

    status, told = send("--checkpoint", place, path)

    assert (status, told["unusable"], [each["line"] for each in rejected(tmp_path)]) == (1, 1, [3])


@pytest.mark.parametrize("case", ["no checkpoint", "gzip", "not the last file"])
def test_a_last_line_of_what_will_not_grow_is_sent_as_it_stands(send, emulator, tmp_path, place, case):
    """No run comes back for it."""
    path, other = tmp_path / "a.log", tmp_path / "b.log"
    path.write_bytes(gzip.compress(b"row 0\nrow 1") if case == "gzip" else b"row 0\nrow 1")
    other.touch()
    options = [] if case == "no checkpoint" else ["--checkpoint", place]

    status, _ = send(*options, "--field", "Message", path, *([other] if case == "not the last file" else []))

    assert (status, messages(emulator)) == (0, {"row 0": 1, "row 1": 1})


def test_an_array_that_is_still_written_goes_on_where_it_ended(send, emulator, tmp_path, place):
    """It is told that it does not end; no part of an element is sent or rejected."""
    path = tmp_path / "a.json"
    path.write_text('[{"Message": "row 0"}, {"Mess')
    assert send("--checkpoint", place, path)[1]["delivered"] == 1
    path.write_text('[{"Message": "row 0"}, {"Message": "row 1"}]')

    status, told = send("--checkpoint", place, path)

    assert (status, told["before"], told["delivered"], rejected(tmp_path)) == (0, 1, 1, [])
    assert send("--checkpoint", place, path)[1]["read"] == 0


def test_a_checkpoint_is_refused_for_anything_else(send, emulator, tmp_path, place):
    """Other files, another stream, another format, and a file that is no checkpoint."""
    path = write(tmp_path / "a.ndjson", some(10))
    send("--checkpoint", place, path)

    assert "is about the sources [" in send("--checkpoint", place, write(tmp_path / "b.ndjson", some(1)))[1]
    assert "is about the destination" in send("--checkpoint", place, "--stream", "Custom-B", path)[1]
    assert (
        "is about the format of its beginning, not 'array'"
        in send("--checkpoint", place, "--format", "array", path)[1]
    )
    assert emulator.count(TABLE) == 10


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        "\xff",
        "[" * 100_000,
        lambda found: found | {"version": 2},
        lambda found: found | {"format": "csv"},
        lambda found: found | {"position": found["position"] | {"source": 1}},
        lambda found: found | {"position": found["position"] | {"offset": -1}},
        lambda found: found | {"position": found["position"] | {"mark": "x:y"}},
    ],
)
def test_a_damaged_checkpoint_is_no_checkpoint(send, emulator, tmp_path, place, text):
    """And is left as it is."""
    path = write(tmp_path / "a.ndjson", some(10))
    send("--checkpoint", place, path)
    text = json.dumps(text(json.loads(place.read_text()))) if callable(text) else text
    place.write_text(text, encoding="latin-1")

    status, told = send("--checkpoint", place, path)

    assert (status, place.read_text(encoding="latin-1")) == (1, text)
    assert "is no checkpoint of this version of dcrlog send. Name another file, or delete" in told


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_that_was_replaced_is_refused(send, emulator, tmp_path, place, pack):
    """Also by a longer one that begins the same; one that became shorter says so."""
    path = tmp_path / "a"
    lines = [json.dumps(row).encode() + b"\n" for row in some(500)]
    path.write_bytes(pack(b"".join(lines)))
    send("--checkpoint", place, path)

    path.write_bytes(pack(b"".join(lines[:499]) + b'{"Message": "another"}\n' + b"".join(lines)))
    told = send("--checkpoint", place, path)[1]
    assert (told["read"], "it is not the file that the checkpoint is about" in told["failure"]) == (0, True)
    path.write_bytes(pack(b"".join(lines[:499])))
    told = send("--checkpoint", place, path)[1]
    assert (told["read"], "it is shorter than it was. Give the same again" in told["failure"]) == (0, True)
    assert emulator.count(TABLE) == 500


def test_a_file_moved_to_another_directory_is_found_where_the_command_names_it(
    send, emulator, tmp_path, place
):
    """A name without its directory is one of where the command was run."""
    (tmp_path / "a.ndjson").write_text('{"Message": "m"}\n')
    send("--checkpoint", place, "a.ndjson")

    assert json.loads(place.read_text())["sources"] == [str(tmp_path / "a.ndjson")]
    assert send("--checkpoint", place, tmp_path / "a.ndjson")[0] == 0


def test_standard_input_that_comes_again_goes_on_where_it_was_left(send, emulator, place):
    """What was settled is passed over; another input is refused."""
    text = "".join(f"row {number}\n" for number in range(10))
    send("--checkpoint", place, "--field", "Message", stdin=text[:30])

    status, told = send("--checkpoint", place, "--field", "Message", stdin=text)
    assert (status, told["before"], told["delivered"]) == (0, 5, 5)
    told = send("--checkpoint", place, "--field", "Message", stdin=text.upper())[1]
    assert "it is not the file that the checkpoint is about" in told["failure"]
    assert messages(emulator) == {f"row {number}": 1 for number in range(10)}


def test_two_commands_do_not_share_a_checkpoint(send, emulator, tmp_path, place):
    """Both would send the same rows: the second is refused while the first is at work, and not after."""
    with start_send(emulator, tmp_path, "--checkpoint", place, "-", stdin=subprocess.PIPE) as first:
        first.stdin.write(b'{"Message": "row 0"}\n')
        first.stdin.flush()
        assert until(lambda: place.exists() and place.read_text() != "")
        assert "another dcrlog send is at work with the checkpoint" in send("--checkpoint", place, "-")[1]
        first.stdin.close()
        assert first.wait(30) == 0

    assert send("--checkpoint", place, "-", stdin='{"Message": "row 0"}\n')[1]["before"] == 1


def test_a_checkpoint_that_can_no_longer_be_written_ends_it_and_holds(emulator, tmp_path, place):
    """As where the disk becomes full: the last one is whole, and what was sent behind it is told."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with start_send(emulator, tmp_path, "--checkpoint", place, "--json", "-", **pipes) as process:
        process.stdin.write("".join(f"{json.dumps(row)}\n" for row in some(10)))
        process.stdin.flush()
        assert until(lambda: emulator.count(TABLE) == 10)
        before = place.read_text()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10, 10))
        told = json.loads(process.communicate("".join(f"{json.dumps(row)}\n" for row in some(10, 10)))[0])

    assert process.returncode == 1
    assert told["failure"].startswith(
        f"the checkpoint {str(place)!r} cannot be written: File too large. What it"
    )
    assert (place.read_text(), sorted(each.name for each in tmp_path.iterdir())) == (before, ["place"])


def test_a_checkpoint_behind_a_link_is_written_there(send, emulator, tmp_path, place):
    """The link stays."""
    (tmp_path / "real").touch()
    place.symlink_to("real")

    send("--checkpoint", place, stdin='{"Message": "row 0"}\n')

    assert (place.is_symlink(), settled(tmp_path / "real")) == (True, 1)


@pytest.mark.parametrize("kind", ["ndjson", "array", "text"])
@pytest.mark.usefixtures("one_sender")
def test_gzip_of_each_kind_goes_on_where_it_was_left(send, emulator, tmp_path, place, kind):
    """Behind what was settled: every row is there, and by its Seq the right one."""
    rows = [{"Message": f"{number:05d} {'x' * 1_000}"} for number in range(1, 3_001)]
    text = {
        "ndjson": "\n".join(map(json.dumps, rows)),
        "array": json.dumps(rows),
        "text": "\n".join(row["Message"] for row in rows),
    }[kind]
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(text.encode()))
    options = ["--checkpoint", place, *(["--field", "Message"] if kind == "text" else [])]
    emulator.faults.add(Fault("status", status=403, nth=list(range(2, 200))))

    status, told = send(*options, "--patience", "2", path)
    assert (status, told["delivered"] > 0, told["left"] > 0) == (1, True, True)
    assert settled(place) > 0
    emulator.faults.clear()
    status, told = send(*options, path)

    assert (status, told["before"] > 0) == (0, True)
    arrived = {(row["Seq"], int(row["Message"][:5])) for row in emulator.rows(TABLE)}
    assert arrived == {(number, number) for number in range(1, 3_001)}
