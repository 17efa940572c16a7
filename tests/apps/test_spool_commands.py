"""`dcrlog spool`, run as a person or a script runs it, beside processes that live and that have died."""

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from dcrlog.cli import spool as spool_command
from dcrlog.emulator import Fault
from pipelines import until

DCRLOG = [sys.executable, "-m", "dcrlog", "spool"]
ELSEWHERE = "dcr-0123456789abcdef0123456789abcdef"
POISON = Fault("status", status=400, code="InvalidRow", containing="poison")

LOGS = """
import logging, os, sys
from dcrlog import LogsIngestionHandler

log = logging.getLogger("left")
log.propagate = False
handler = LogsIngestionHandler(account_rows="never", flush_interval=float(sys.argv[1]))
log.addHandler(handler)
for message in sys.argv[3:]:
    log.warning(message)
if sys.argv[2] == "dies":
    os._exit(0)
if sys.argv[2] == "waits":
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
assert handler.flush(30)
"""


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def home(spool):
    return spool / f"dcrlog-{os.geteuid()}"


@pytest.fixture
def environment(emulator, spool):
    return {**os.environ, **emulator.environment(), "DCRLOG_SPOOL_DIR": str(spool)}


@pytest.fixture
def leave(environment):
    """A process that logs these messages and dies before they are sent."""

    def run(*messages, **variables):
        command = [sys.executable, "-c", LOGS, "60", "dies", *messages]
        subprocess.run(command, env=environment | variables, check=True, timeout=60)

    return run


@pytest.fixture
def deliver(environment):
    """A process that logs these messages and has them delivered, or refused for good."""

    def run(*messages):
        command = [sys.executable, "-c", LOGS, "0.05", "ends", *messages]
        subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)

    return run


@pytest.fixture
def living(environment):
    """A process that holds rows, and lives until the block has ended.

    Its rows are for another rule, unless told otherwise: it adopts nobody's here.
    """

    @contextmanager
    def run(*messages, flush_interval=60, rule_id=ELSEWHERE):
        command = [sys.executable, "-c", LOGS, str(flush_interval), "waits", *messages]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        variables = environment | {"LOGS_DCR_RULE_ID": rule_id}
        with subprocess.Popen(command, env=variables, text=True, **pipes) as process:
            assert process.stdout.readline() == "ready\n"
            yield
            process.stdin.close()

    return run


@pytest.fixture
def run(environment, monkeypatch, capsys):
    """A command; returns it ended. Those that send are processes of their own, whose end lets go of locks."""

    def run_here(words, given):
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            spool_command.make_app()(words)
        out, err = capsys.readouterr()
        is_text = isinstance(end.value.code, str)
        return subprocess.CompletedProcess(
            words, 1 if is_text else end.value.code, out, f"{err}{end.value.code}\n" if is_text else err
        )

    def run_command(*arguments, given=None):
        words = [*map(str, arguments)]
        if words[0] not in {"drain", "retry"}:
            return run_here(words, given)
        done = subprocess.run(
            [*DCRLOG, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Traceback" not in done.stderr
        return done

    return run_command


@pytest.fixture
def told(run):
    """A command with --json; returns its status and the object."""

    def run_json(*arguments):
        done = run(*arguments, "--json")
        return done.returncode, json.loads(done.stdout)

    return run_json


def stored(emulator):
    return sorted((row["InstanceId"], row["Seq"], row["Message"]) for row in emulator.rows("AppLogs_CL"))


def messages(emulator):
    return sorted(row["Message"] for row in emulator.rows("AppLogs_CL"))


def segment_of(home):
    (segment,) = home.rglob("*.seg")
    return segment


def test_list_tells_living_and_dead_instances_apart(leave, living, told):
    """By their locks, with what each has."""
    leave("a", "b")
    with living("c", "d", "e"):
        status, listed = told("list")

    assert status == 0
    assert {each["state"]: each["rows"] for each in listed["instances"]} == {"dead": 2, "alive": 3}
    assert all(each["segments"] == 1 and each["oldest"] for each in listed["instances"])
    assert listed["dead_letters"]["count"] == 0


def test_list_counts_dead_letters_and_quarantine(emulator, deliver, home, told, run):
    """As JSON, and as a table."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    (home / "quarantine").mkdir(0o700)
    (home / "quarantine" / "piece.bin").write_bytes(b"12345")
    _, listed = told("list")

    assert listed["dead_letters"]["count"] == 1
    assert listed["quarantine"] == {"count": 1, "bytes": 5}
    assert "dead letters: 1" in run("list").stdout


def test_show_prints_the_rows_that_wait(leave, run, home):
    """One object a line, as many as asked for, and of the instance asked for."""
    leave("a", "b", "c")
    leave("d")
    lines = [json.loads(line) for line in run("show", "--json").stdout.splitlines()]
    (one,) = {each["instance"] for each in lines if each["row"]["Message"] == "d"}

    assert sorted(each["row"]["Message"] for each in lines) == ["a", "b", "c", "d"]
    assert len(run("show", "--json", "--limit", 2).stdout.splitlines()) == 2
    assert len(run("show", "--json", "--instance", one[:8]).stdout.splitlines()) == 1
    unknown = run("show", "--instance", "x")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no instance 'x' has rows" in unknown.stderr


def test_show_prints_dead_letters_with_the_answer(emulator, deliver, run):
    """What the service said, beside the row."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    (line,) = run("show", "--dead", "--json").stdout.splitlines()
    letter = json.loads(line)

    assert (letter["status"], letter["code"], letter["row"]["Message"]) == (400, "InvalidRow", "poison")
    table = run("show", "--dead").stdout
    assert all(each in table for each in ("400", "InvalidRow", letter["instance"], letter["time"]))


@pytest.mark.parametrize("arguments", [("show",), ("show", "--json"), ("show", "--dead"), ("list",)])
def test_a_row_cannot_steer_the_terminal(emulator, leave, deliver, run, arguments):
    """Neither with control characters, of C1 and for right-to-left too, nor with rich's markup."""
    hostile = "\x1b[2J\x1b]0;title\x07[bold red]\r\u009b31m\u202epoison[/nope]"
    emulator.faults.add(POISON)
    deliver("good", hostile)
    leave(hostile)
    done = run(*arguments)

    assert done.returncode == 0, done.stderr
    assert all(each.isprintable() or each == "\n" for each in done.stdout)
    # What is cut to fit is so whatever it says.
    assert "[bold red]" in done.stdout or arguments in {("list",), ("show", "--dead")}


def test_verify_is_content_with_a_whole_spool(leave, living, told):
    """Segments that are being written are, too."""
    leave("a", "b")
    with living("c"):
        assert told("verify") == (0, {"segments": 2, "rows": 3, "dead_letters": 0, "damages": []})


def test_verify_finds_damage(leave, told, run, home):
    """And ends with status 1."""
    leave("a", "damaged", "c")
    segment = segment_of(home)
    segment.write_bytes(segment.read_bytes().replace(b"damaged", b"DAMAGED"))
    status, found = told("verify")

    assert (status, found["rows"]) == (1, 2)
    (damage,) = found["damages"]
    assert damage["file"].endswith(segment.name)
    assert "cannot be read" in damage["damage"]
    assert run("verify").returncode == 1


def test_drain_delivers_what_a_dead_instance_has_left(emulator, leave, told, home):
    """With its own InstanceId and Seq, and no row of the command's; then nothing is left in the spool."""
    leave(*map(str, range(20)))
    leave("more")
    status, drained = told("drain")

    assert status == 0, drained
    assert drained | {"last_error": None} == {
        "adopted": 21, "delivered": 21, "dead_lettered": 0, "dropped": {}, "left": 0, "alive": 0,
            "elsewhere": 0,
        "last_error": None,
    }  # fmt: skip
    assert sorted(seq for _, seq, _ in stored(emulator)) == sorted([*range(1, 21), 1])
    assert list(home.iterdir()) == []


def test_drain_leaves_living_instances_and_other_destinations_alone(
    emulator, leave, living, told, environment
):
    """The rows of the one are its own, those of the other go elsewhere."""
    # One that the service refuses adopts nothing, and so cannot be the first.
    refusal = emulator.faults.add(Fault("status", status=503, containing="alive"))
    with living("alive", flush_interval=0.01, rule_id=environment["LOGS_DCR_RULE_ID"]):
        assert until(lambda: any(each["status"] == 503 for each in emulator.requests())), refusal
        leave("here")
        leave("there", LOGS_DCR_RULE_ID=ELSEWHERE)
        status, drained = told("drain")

    assert (status, drained["delivered"], drained["left"], drained["elsewhere"]) == (0, 1, 0, 1)
    assert messages(emulator) == ["here"]


def test_drain_ends_with_status_1_when_something_is_left(emulator, leave, told):
    """Here the service is out of order; a later drain finds the rows."""
    leave("a", "b")
    emulator.faults.add(Fault("status", status=503))
    status, drained = told("drain", "--timeout", 3)
    assert (status, drained["left"], drained["delivered"]) == (1, 2, 0)
    assert "503" in drained["last_error"]

    emulator.faults.clear()
    assert told("drain")[0] == 0
    assert messages(emulator) == ["a", "b"]


def test_drain_of_an_empty_spool_has_nothing_to_do(spool, told):
    """It asks nobody for a token."""
    spool.mkdir()

    status, drained = told("drain")
    assert (status, drained["adopted"], drained["last_error"]) == (0, 0, None)


def test_a_dead_letter_that_is_taken_now_is_delivered_as_it_was_accepted(emulator, deliver, told, home):
    """And is gone from the spool."""
    emulator.faults.add(POISON)
    deliver("good", "poison 1", "poison 2")
    (name, *_) = sorted(path.name for path in (home / "dead").iterdir())
    emulator.faults.clear()
    status, retried = told("retry")

    assert status == 0, retried
    assert (retried["found"], retried["delivered"], retried["left"]) == (2, 2, 0)
    assert list((home / "dead").iterdir()) == []
    instance = name.split("-")[1]
    assert [(each[0], each[2]) for each in stored(emulator)] == [
        (instance, "good"), (instance, "poison 1"), (instance, "poison 2")
    ]  # fmt: skip
    assert sorted(each[1] for each in stored(emulator)) == [1, 2, 3]


def test_a_dead_letter_that_is_refused_again_is_one_again(emulator, deliver, told, home):
    """Alone as well; the others are delivered."""
    emulator.faults.add(POISON)
    deliver("good", "poison 1", "poison 2", "poison 3")
    before = {path.name for path in (home / "dead").iterdir()}
    emulator.faults.clear()
    emulator.faults.add(Fault("status", status=400, containing="poison 2"))
    status, retried = told("retry")

    assert (status, retried["delivered"], retried["dead_again"], retried["left"]) == (1, 2, 1, 0)
    (path,) = (home / "dead").iterdir()
    assert path.name not in before
    assert told("retry")[1]["dead_again"] == 1


def test_retry_leaves_dead_letters_where_they_are_when_the_service_is_out_of_order(
    emulator, deliver, told, home
):
    """Nothing is lost by trying."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    before = {path.name: path.read_bytes() for path in (home / "dead").iterdir()}
    emulator.faults.clear()
    emulator.faults.add(Fault("status", status=503))
    status, retried = told("retry", "--timeout", 1)

    assert (status, retried["left"]) == (1, 1)
    assert {path.name: path.read_bytes() for path in (home / "dead").iterdir()} == before


def test_retry_sends_nothing_that_was_meant_for_elsewhere(emulator, deliver, told, home):
    """Nor what is no dead letter: a damaged one, a link, a pipe."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    (path,) = (home / "dead").iterdir()
    letter = json.loads(path.read_bytes())
    path.write_text(json.dumps(letter | {"destination": "0" * 64}))
    instance = letter["instance_id"]
    (home / "dead" / f"{1:020d}-{instance}-7.json").write_text("{")
    (home / "dead" / f"{1:020d}-{instance}-8.json").symlink_to(path)
    os.mkfifo(home / "dead" / f"{1:020d}-{instance}-9.json")
    emulator.reset()
    status, retried = told("retry")

    assert (status, retried["found"], retried["elsewhere"], retried["unreadable"]) == (0, 0, 1, 3)
    assert emulator.rows("AppLogs_CL") == []
    assert len(list((home / "dead").iterdir())) == 4


def test_purge_asks_first(emulator, deliver, run, home):
    """Without an answer nothing is deleted."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    refused = run("purge", "--dead", given="")
    assert (refused.returncode, len(list((home / "dead").iterdir()))) == (1, 1)
    assert "Delete 1 dead letters for good?" in refused.stderr

    assert run("purge", "--dead", given="y\n").returncode == 0
    assert list((home / "dead").iterdir()) == []


def test_purge_deletes_only_what_is_old_enough(emulator, deliver, told, home):
    """Here one of two dead letters, and one of two files in quarantine."""
    emulator.faults.add(POISON)
    deliver("good", "poison 1", "poison 2")
    (home / "quarantine").mkdir(0o700)
    for name in ("old.bin", "new.bin"):
        (home / "quarantine" / name).write_bytes(b"")
    os.utime(min((home / "dead").iterdir()), (0, 0))
    os.utime(home / "quarantine" / "old.bin", (0, 0))
    status, purged = told("purge", "--dead", "--quarantine", "--older-than", "1d", "--yes")

    assert (status, purged) == (0, {"dead": 1, "quarantine": 1})
    assert len(list((home / "dead").iterdir())) == 1
    assert [path.name for path in (home / "quarantine").iterdir()] == ["new.bin"]


def test_purge_never_touches_a_living_instance(leave, living, told, home):
    """What a dead one has left goes, with its directory."""
    leave("a", "b")
    with living("c"):
        assert told("purge", "--instances", "--yes") == (0, {"segments": 1})
        _, listed = told("list")
        assert [(each["state"], each["rows"]) for each in listed["instances"]] == [("alive", 1)]
        assert len(list(home.iterdir())) == 1


def test_purge_deletes_nothing_that_is_not_ours(home, spool, told):
    """Names that we give to no file, links and pipes stay, and what a link leads to."""
    for name in ("dead", "quarantine", f"{'a' * 16}-{'b' * 24}"):
        (home / name).mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    outside = spool / "outside.bin"
    outside.write_bytes(b"")
    letter = f"{1:020d}-{'0' * 24}-1.json"
    (home / "dead" / letter).symlink_to(outside)
    (home / "dead" / "notes.json").write_text("{}")
    os.mkfifo(home / "quarantine" / "pipe.bin")
    orphan = home / f"{'a' * 16}-{'b' * 24}"
    (orphan / "1.seg").write_bytes(b"x")
    os.mkfifo(orphan / "owner")
    (home / f"{'a' * 16}-{'c' * 24}").symlink_to(orphan)
    before = sorted(home.rglob("*"))

    assert told("purge", "--dead", "--quarantine", "--instances", "--yes") == (
        0, {"dead": 0, "quarantine": 0, "segments": 0}
    )  # fmt: skip
    assert sorted(home.rglob("*")) == before
    assert outside.exists()


def test_purge_wants_to_know_what(spool, run):
    """And how old, in words that it knows."""
    spool.mkdir()
    assert "--dead, --quarantine or --instances" in run("purge").stderr
    done = run("purge", "--dead", "--older-than", "soon")
    assert done.returncode == 2
    assert "'soon' is no age" in done.stderr


def test_hostile_files_are_told_and_stop_nobody(leave, told, home):
    """A pipe in place of a segment, a link to one, a device: verify tells them, list and show go on."""
    leave("a")
    segment = segment_of(home)
    os.mkfifo(segment.with_name("0-0.seg"))
    segment.with_name("0-1.seg").symlink_to(segment)
    (segment.parent / "0-2.seg").write_bytes(os.urandom(1_000))
    status, found = told("verify")

    assert status == 1
    assert len({each["file"] for each in found["damages"]}) == 3
    assert told("list")[1]["instances"][0]["rows"] == 1
    assert told("show")[1]["row"]["Message"] == "a"


def test_rows_are_found_after_a_volumes_group_was_given_access_to_all_that_is_in_it(leave, told, home):
    """As Kubernetes gives it at each mount, where a pod has an fsGroup."""
    leave("a", "b")
    for directory in (home, *home.iterdir()):
        directory.chmod(0o2770)

    assert told("list")[1]["instances"][0]["rows"] == 2


@pytest.mark.parametrize("command", ["list", "show", "verify", "drain", "retry"])
def test_a_directory_that_is_no_spool_is_told_in_one_line(command, run, tmp_path):
    """What, the value, what to do."""
    missing = run(command, tmp_path / "missing")
    (tmp_path / f"dcrlog-{os.geteuid()}").mkdir(mode=0o755)
    shared = run(command, tmp_path)

    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == (
        f"dcrlog spool {command}: there is no directory '{tmp_path}/missing'. "
        "Name the one that spool_dir names.\n"
    )
    assert (shared.returncode, shared.stdout) == (1, "")
    assert "others have access to it" in shared.stderr
    assert len(shared.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["list", "show", "verify", "drain", "retry"])
def test_a_spool_of_somebody_else_is_not_called_empty(command, run, tmp_path):
    """Rows of a service's user are there, and whoever looks as root must be told so."""
    (tmp_path / "dcrlog-12345").mkdir(mode=0o700)
    done = run(command, tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"dcrlog spool {command}: the spool '{tmp_path}' has nothing of user {os.geteuid()}, whom this "
        "command runs as, but dcrlog-12345/. Run it as that user.\n"
    )
    assert not (tmp_path / f"dcrlog-{os.geteuid()}").exists()


def test_drain_tells_what_living_instances_have(emulator, living, told):
    """It is theirs to send; nobody may think that there is nothing."""
    rule_id = emulator.environment()["LOGS_DCR_RULE_ID"]
    with living("a", "b", rule_id=rule_id):
        status, drained = told("drain")

    assert (status, drained["alive"], drained["left"], drained["adopted"]) == (0, 2, 0, 0)


def test_an_unknown_instance_has_no_dead_letters_either(emulator, deliver, run):
    """Status 1, as for rows that wait."""
    emulator.faults.add(POISON)
    deliver("good", "poison")
    done = run("show", "--dead", "--instance", "x")

    assert (done.returncode, done.stdout) == (1, "")
    assert "no instance 'x' has dead letters" in done.stderr


def test_an_instance_without_an_owner_file_can_be_purged(leave, told, home):
    """By somebody's hand; `drain` would adopt it, too."""
    leave("a")
    (owner,) = home.rglob("owner")
    owner.unlink()

    assert told("purge", "--instances", "--yes") == (0, {"segments": 1})
    assert list(home.iterdir()) == []


def test_two_retries_do_not_send_a_row_twice(emulator, deliver, run, home):
    """The second says who is in the way."""
    import fcntl

    emulator.faults.add(POISON)
    deliver("good", "poison")
    descriptor = os.open(home / "dead", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for done in (run("retry"), run("purge", "--dead", "--yes")):
            assert done.returncode == 1
            assert "another" in done.stderr
    finally:
        os.close(descriptor)
    assert len(list((home / "dead").iterdir())) == 1
