"""`dcrlog send`: what does not become a row of the table is named, and kept."""

import json
import os
from pathlib import Path

from dcrlog.emulator import Fault
from sends import TABLE, messages, rejected, settled, some, write


def test_a_line_that_is_no_json_is_named_and_kept(send, emulator, tmp_path):
    """With its number, and the others arrive; the status says that not all did."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"Message": "good"}\nboom\n{"Message": "also good"}\n[1]\n')

    status, told = send(path)

    assert (status, told["unusable"], told["delivered"], told["complete"]) == (1, 2, 2, False)
    assert f"{path}, line 2: it is not JSON: " in send.stderr
    assert f"{path}, line 4: it is not a JSON object but an array." in send.stderr
    first, second = rejected(tmp_path)
    assert (first["file"], first["line"], first["text"]) == (str(path), 2, "boom")
    assert first["reason"].startswith("it is not JSON: ")
    assert first["input_id"] == told["input_id"]
    assert (second["line"], second["text"]) == (4, "[1]")


def test_an_unusable_element_has_its_place_in_the_array(send, emulator, tmp_path):
    """From 1 on."""
    (tmp_path / "a.json").write_text('[{"Message": "good"}, 17, {"Message": "good"}]')

    assert send("a.json")[1]["unusable"] == 1
    (kept,) = rejected(tmp_path)
    assert (kept["element"], kept["text"]) == (2, "17")


def test_a_long_line_is_kept_whole(send, emulator, tmp_path):
    """So that it can be mended."""
    text = '{"Message": "' + "x" * 3_000_000
    (tmp_path / "a.ndjson").write_text(text + "\n")

    send("a.ndjson")

    assert rejected(tmp_path)[0]["text"] == text


def test_twenty_are_named_and_all_are_kept(send, emulator, tmp_path):
    """A file of the wrong kind does not fill the terminal."""
    (tmp_path / "a.ndjson").write_text("boom\n" * 50)

    send("a.ndjson")

    assert send.stderr.count("it is not JSON") == 20
    assert "further ones are in dcrlog-rejects.ndjson only." in send.stderr
    assert [each["line"] for each in rejected(tmp_path)] == list(range(1, 51))


def test_a_row_that_the_service_refuses_is_kept_with_its_answer(send, emulator, tmp_path):
    """As it was sent, with its numbers; mended and sent again it has them still."""
    rows = some(1_000)
    rows[700]["Message"] = "poison"
    emulator.faults.add(Fault("status", status=400, body='{"error": {"code": "Bad"}}', containing="poison"))

    status, told = send(write(tmp_path / "a.ndjson", rows))

    assert (status, told["delivered"], told["refused"], told["dropped"], told["left"]) == (1, 999, 1, {}, 0)
    (kept,) = rejected(tmp_path)
    assert (kept["file"], kept["line"]) == (str(tmp_path / "a.ndjson"), 701)
    assert kept["reason"].startswith("the service has refused the row: HTTP 400: ")
    assert "a.ndjson, line 701: the service has refused the row" in send.stderr
    mended = json.loads(kept["text"]) | {"Message": "row 700"}
    emulator.faults.clear()
    assert send(write(tmp_path / "mended.ndjson", [mended]))[0] == 0
    assert messages(emulator) == {f"row {number}": 1 for number in range(1_000)}
    assert {(row["InstanceId"], row["Seq"]) for row in emulator.rows(TABLE)} == {
        (told["input_id"], number) for number in range(1, 1_001)
    }


def test_refused_rows_of_all_files_have_their_places(send, emulator, tmp_path):
    """Unusable and blank lines between them, and elements of an array."""
    emulator.faults.add(Fault("status", status=400, containing="poison"))
    (tmp_path / "a").write_text('boom\n\n{"Message": "poison"}\n' + '{"Message": "m"}\n' * 700)
    (tmp_path / "b").write_text('[{"Message": "m"}, 1, {"Message": "poison"}]')
    (tmp_path / "c").write_text('{"Message": "poison"}\n{"Message": "m"}\n')

    told = send("a", "b", "c")[1]

    assert (told["unusable"], told["refused"], told["delivered"]) == (2, 3, 702)
    kept = {(each["file"], each.get("line"), each.get("element")) for each in rejected(tmp_path)}
    assert kept == {("a", 1, None), ("a", 3, None), ("b", None, 2), ("b", None, 3), ("c", 1, None)}


def test_what_was_rejected_before_a_kill_is_not_kept_twice(send, emulator, tmp_path):
    """A run that goes on from the beginning meets all of it again, and knows what is there."""
    rows = [{"Message": "poison"} if number % 100 == 0 else {"Message": "m"} for number in range(1_000)]
    path = write(tmp_path / "a.ndjson", rows)
    path.write_bytes(path.read_bytes() + b"boom\n")
    emulator.faults.add(Fault("status", status=400, containing="poison"))
    place = tmp_path / "place"
    status, told = send("--checkpoint", place, path)
    assert (status, told["refused"], told["unusable"], settled(place)) == (1, 10, 1, 1_001)
    kept = (tmp_path / "dcrlog-rejects.ndjson").stat().st_size
    # Of what is behind that much, the next run knows what it finds there.
    assert 0 < json.loads(place.read_text())["position"]["rejects_bytes"] <= kept
    begin = {"source": 0, "offset": 0, "number": 0, "total": 0, "mark": "", "rejects_bytes": 0}
    place.write_text(json.dumps(json.loads(place.read_text()) | {"position": begin}))
    with (tmp_path / "dcrlog-rejects.ndjson").open("a") as file:
        file.write('{"of": "another program"}\n"torn')

    told = send("--checkpoint", place, path)[1]

    assert (told["refused"], told["unusable"]) == (10, 1)
    kept = (tmp_path / "dcrlog-rejects.ndjson").read_text().splitlines()
    assert sorted(json.loads(line)["line"] for line in kept[:-2]) == [*range(1, 1_000, 100), 1_001]


def test_rejects_that_cannot_be_written_end_it_in_order(send, emulator, tmp_path):
    """What was read before is delivered; what cannot be kept is not passed over, nor is what follows."""
    place, path = tmp_path / "place", tmp_path / "a.ndjson"
    path.write_text('{"Message": "row 0"}\nboom\n{"Message": "row 1"}\n')

    status, told = send("--checkpoint", place, "--rejects", "/dev/full", path)
    assert (status, told["delivered"], settled(place)) == (1, 1, 1)
    assert told["failure"].startswith("the file of rejects '/dev/full' cannot be written: No space left")
    status, told = send("--checkpoint", place, path)
    assert (told["before"], told["unusable"], told["delivered"]) == (1, 1, 1)
    assert messages(emulator) == {"row 0": 1, "row 1": 1}


def test_a_refused_row_that_cannot_be_kept_is_sent_again_by_the_next_run(send, emulator, tmp_path):
    """No checkpoint passes it."""
    place = tmp_path / "place"
    path = write(tmp_path / "a.ndjson", [{"Message": "poison"}, *some(10)])
    emulator.faults.add(Fault("status", status=400, containing="poison"))

    status, told = send("--checkpoint", place, "--rejects", "/dev/full", path)
    assert (status, told["refused"], settled(place)) == (1, 1, 0)
    assert "cannot be written: No space left" in told["failure"]
    told = send("--checkpoint", place, path)[1]
    assert (told["before"], told["refused"], len(rejected(tmp_path))) == (0, 1, 1)
    assert set(messages(emulator)) == {f"row {number}" for number in range(10)}


def test_rejects_are_on_the_disk_before_a_checkpoint_is_and_that_before_it_takes_its_place(
    send, emulator, tmp_path, monkeypatch
):
    """A loss of power leaves a checkpoint that is whole, and passes nothing that is not kept."""
    done, fsync, replace = [], os.fsync, os.replace

    def note_fsync(descriptor):
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def note_replace(*paths):
        done.append("replace")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    (tmp_path / "a.ndjson").write_text('{"Message": "m"}\nboom\n')

    send("--checkpoint", "place", "a.ndjson")

    written = [".place.tmp", "replace"]
    assert done[:2] == done[-2:] == written
    assert done[2:5] == ["dcrlog-rejects.ndjson", *written]
