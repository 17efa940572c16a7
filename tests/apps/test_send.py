"""`dcrlog send`: what it reads, what it makes of it, and what it refuses to begin with."""

import bz2
import datetime as dt
import gzip
import json
import lzma
import os
import threading

import pytest

from dcrlog.cli.sending.destination import find_destination
from dcrlog.emulator import Fault
from dcrlog.emulator.rules import DEFAULT_RULE
from sends import TABLE, messages, rejected, some, write


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


def test_standard_input_is_read_where_no_file_is_named(send, emulator):
    """And where it is named -."""
    assert send(stdin='{"Message": "row 0"}\n')[0] == 0
    assert send("-", stdin='{"Message": "row 1"}\n')[0] == 0

    assert messages(emulator) == {"row 0": 1, "row 1": 1}


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


def test_nothing_to_send_is_all_sent(send, emulator, tmp_path):
    """Empty files, as lines and as an array."""
    (tmp_path / "a").touch()
    (tmp_path / "b").write_text(" [ ] ")

    assert send("a", "b")[0] == 0
    assert send("--format", "array", "a")[0] == 0


def test_rows_are_numbered_by_their_place_in_the_input(send, emulator, tmp_path):
    """All its files together. The default stream has columns for it; the id says which run it was."""
    _, told = send(write(tmp_path / "a.ndjson", some(3)), write(tmp_path / "b.ndjson", some(2)))

    rows = emulator.rows(TABLE)
    assert [row["Seq"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["InstanceId"] for row in rows} == {told["input_id"]}


def test_a_member_that_the_rule_does_not_declare_is_told(send, emulator, tmp_path, monkeypatch):
    """The service would answer 204 and drop it. Whether the rule is an option or a variable."""
    rule = tmp_path / "dcr.json"
    rule.write_text(json.dumps({**DEFAULT_RULE, "immutableId": emulator.rule_id}))
    path = write(tmp_path / "a.ndjson", [{"Message": "m", "Color": "red"}])

    status, told = send("--rule", rule, path)
    assert (status, told["undeclared"]) == (0, {"Color": 1})
    monkeypatch.setenv("DCRLOG_RULE", str(rule))
    assert send(path)[1]["undeclared"] == {"Color": 1}
    refused = send("--field", "Color", path)[1]
    assert refused.startswith(
        "dcrlog send: --field: the rule's stream has no column 'Color'. It has: Exception, "
    )


@pytest.mark.usefixtures("send")
def test_what_may_arrive_twice_is_a_batch_for_each_sender_and_one_more(monkeypatch):
    """Eight of them, unless the variable says otherwise."""
    nothing = dict.fromkeys(("endpoint", "rule_id", "stream_name", "rule", "audience", "credential"))

    assert find_destination(nothing).most_ahead == 9_000_000
    monkeypatch.setenv("DCRLOG_MAX_SENDERS", "2")
    assert find_destination(nothing).most_ahead == 3_000_000


def test_a_time_that_the_service_replaces_is_told(send, emulator, tmp_path):
    """The rows of an old export would all seem to be of now."""
    now, old = dt.datetime.now(dt.UTC), dt.datetime.now(dt.UTC) - dt.timedelta(days=2, hours=1)
    rows = [{"TimeGenerated": time.isoformat(), "Message": "m"} for time in (now, old)]

    status, told = send(write(tmp_path / "a.ndjson", rows))

    assert (status, told["too_old"]) == (0, 1)


def test_variables_of_the_handler_in_an_application_are_not_for_the_command(
    send, emulator, tmp_path, monkeypatch
):
    """It neither spools nor drops, and a level hides no row."""
    for name, value in {
        "LEVEL": "ERROR",
        "ENABLED": "0",
        "SPOOL_DIR": "/dev/null/x",
        "CAPACITY": "1",
    }.items():
        monkeypatch.setenv(f"DCRLOG_{name}", value)

    assert send(write(tmp_path / "a.ndjson", some(3)))[0] == 0
    assert emulator.count(TABLE) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.ndjson", "missing"], "the file 'missing' cannot be read: No such file or directory."),
        (["."], "the file '.' cannot be read: Is a directory."),
        (["--stream", "AppLogs_CL", "a.ndjson"], "must start with 'Custom-'"),
        (["--format", "text", "a.ndjson"], "plain text needs a column"),
        (["--field", "Message", "--format", "array", "a.ndjson"], "--field takes lines"),
        (["--field", "a b", "a.ndjson"], "--field: column name 'a b' must start with a letter"),
        (["--field", "", "a.ndjson"], "--field: column name '' must start with a letter"),
        (["a.ndjson", "b.ndjson", "./a.ndjson"], "'a.ndjson' is given twice"),
        (["-", "-"], "'-' is given twice"),
        (["a.ndjson", "--rejects", "a.ndjson"], "'a.ndjson' is given twice"),
        (["a.ndjson", "--checkpoint", "a.ndjson"], "'a.ndjson' is given twice"),
        (["a.ndjson", "--checkpoint", "c", "--rejects", "c"], "'c' is given twice"),
        (["a.ndjson", "--rejects", "no/where"], "the file of rejects 'no/where' cannot be made"),
        (["a.ndjson", "--rejects", "."], "the file of rejects '.' cannot be written: Is a directory."),
        (["a.ndjson", "--checkpoint", "no/where"], "cannot be written: No such file or directory."),
        (
            ["a.ndjson", "--checkpoint", "/dev/null"],
            "the checkpoint '/dev/null' cannot be written: it is no file",
        ),
        (["a.ndjson", "--rule", "missing"], "rule file 'missing' cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_told_before_anything_is(send, emulator, tmp_path, arguments, told):
    """In one line, with status 1."""
    for name in ("a.ndjson", "b.ndjson"):
        write(tmp_path / name, some(1))

    status, output = send(*arguments)

    assert (status, output.startswith("dcrlog send: "), output.count("\n")) == (1, True, 1)
    assert told in output
    assert emulator.requests() == []


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        ('{"Message": "m"}\n'.encode("utf-16"), "is in UTF-16. Make it UTF-8 first: iconv"),
        (gzip.compress('{"Message": "m"}\n'.encode("utf-16")), "is in UTF-16"),
        ('{"Message": "m"}\n'.encode("utf-16-be").join([b"\xfe\xff", b""]), "is in UTF-16"),
        (bz2.compress(b'{"Message": "m"}\n'), "is compressed by bzip2. Unpack it first: bzip2 -dc"),
        (lzma.compress(b'{"Message": "m"}\n'), "is compressed by xz. Unpack it first: xz -dc"),
        (b"\x28\xb5\x2f\xfd....", "is compressed by zstd. Unpack it first: zstd -dc"),
        (b"PK\x03\x04....", "is a zip archive. Unpack it first: unzip -p"),
    ],
    ids=["UTF-16", "UTF-16 in gzip", "UTF-16, big endian", "bzip2", "xz", "zstd", "zip"],
)
def test_what_would_be_nothing_but_broken_lines_is_refused_with_a_remedy(
    send, emulator, tmp_path, data, remedy
):
    """Another encoding, another compression; in a file before anything is sent, in a pipe when it is read."""
    (tmp_path / "good").write_text('{"Message": "m"}\n')
    (tmp_path / "file").write_bytes(data)

    status, told = send("good", "file")
    assert (status, emulator.requests()) == (1, [])
    assert remedy in told
    status, told = send("-", stdin=data)
    assert (status, told["read"]) == (1, 0)
    assert remedy in told["failure"]
    assert rejected(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (b'[{"Message": "row 0"},', "'bad' cannot be read behind element 1: the array does not end."),
        (b'[{"Message": "row 0"}, {"Mess', "'bad' cannot be read behind element 1: the array does not end."),
        (
            b'[{"Message": "row 0"}] tail',
            "'bad' cannot be read behind element 1: 'tail' is no part of the array.",
        ),
        (
            gzip.compress(b'{"Message": "row 0"}\n') + b"tail",
            "'bad' cannot be read behind line 1: Not a gzipped",
        ),
    ],
    ids=["array", "element", "tail", "gzip"],
)
def test_an_input_that_ends_badly_is_told_and_what_came_before_arrives(
    send, emulator, tmp_path, text, failure
):
    """What follows it is not read: a checkpoint there would say that all before it had arrived."""
    (tmp_path / "bad").write_bytes(text)

    status, told = send("bad")
    assert (status, told["delivered"], rejected(tmp_path)) == (1, 1, [])
    assert told["failure"].startswith(failure)
    told = send("bad", write(tmp_path / "next", some(1, 1)))[1]
    assert told["failure"].endswith("The 1 files behind it were not opened.")
    assert messages(emulator) == {"row 0": 2}


def test_gzip_that_was_cut_off_is_told_and_what_came_before_arrives(send, emulator, tmp_path):
    """A copy that was not finished: the status says that it is not all."""
    path = tmp_path / "a.ndjson.gz"
    whole = gzip.compress(write(tmp_path / "a.ndjson", some(5_000)).read_bytes())
    path.write_bytes(whole[: len(whole) // 2])

    status, told = send(path)

    assert status == 1
    assert f"cannot be read behind line {told['read']}: Compressed file ended" in told["failure"]
    assert 0 < told["delivered"] == emulator.count(TABLE) < 5_000


def test_a_service_that_takes_nothing_is_given_up(send, emulator, tmp_path):
    """403: the remedy is told, and behind the account nothing is sent any more."""
    path = write(tmp_path / "a.ndjson", some(10))
    emulator.faults.add(Fault("status", status=403))

    status, told = send("--patience", "0.3", path)

    assert (status, told["gave_up"], told["left"], told["dropped"]) == (1, True, 10, {})
    assert "HTTP 403" in told["last_error"]
    assert "Remedy: give the identity the role" in send.stderr
