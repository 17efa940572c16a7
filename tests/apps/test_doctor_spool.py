"""`dcrlog doctor` looks at a spool in each of its states, and changes nothing there."""

import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from findings import finding


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


HOLDS = """
import logging, sys
from dcrlog import LogsIngestionHandler
handler = LogsIngestionHandler(spool_dir=sys.argv[1], endpoint="https://localhost:1")
logging.getLogger("shop").addHandler(handler)
logging.getLogger("shop").error("order lost")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def look(doctor, tmp_path):
    """Look at a spool; return the status and what there is of it in this state."""

    def run(state, directory=tmp_path):
        status, told = doctor("--spool-dir", directory, "--offline")
        return status, finding(told, "spool", state)

    return run


@pytest.fixture
def home(tmp_path):
    """The spool's own directory."""
    made = tmp_path / f"dcrlog-{os.geteuid()}"
    made.mkdir(mode=0o700)
    return made


def test_one_that_is_not_there_yet_is_not_made(look, tmp_path):
    """It can be, and that is enough."""
    status, told = look("ok", tmp_path / "new" / "spool")

    assert (status, "can be made" in told, (tmp_path / "new").exists()) == (0, True, False)


def test_one_that_is_empty_is_well(look, home):
    """As a process leaves it that has delivered everything."""
    assert look("ok") == (0, f"{home}: living instances: 0 -> ")


def test_one_that_cannot_be_made_is_told_with_the_directory_above(look, tmp_path):
    """Here it is a file."""
    (tmp_path / "file").write_text("")
    status, told = look("fail", tmp_path / "file" / "deep" / "spool")

    assert (status, f"since {tmp_path / 'file'} is no directory" in told) == (1, True)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o701])
def test_one_to_which_others_have_access_is_refused(look, home, mode):
    """The handler refuses it as well."""
    home.chmod(mode)
    status, told = look("fail")

    assert (status, "others have access to it" in told, "chmod 700" in told) == (1, True, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_one_of_another_user_is_refused(look, home):
    """Whoever that is."""
    os.chown(home, 12_345, 12_345)

    assert "it belongs to user 12345" in look("fail")[1]


def test_a_link_or_a_file_in_its_place_is_refused(look, tmp_path):
    """Somebody else may have put it there."""
    home = tmp_path / f"dcrlog-{os.geteuid()}"
    home.symlink_to(tmp_path)
    assert "it is no directory" in look("fail")[1]

    home.unlink()
    home.write_text("")
    assert "it is no directory" in look("fail")[1]


def test_one_where_this_user_may_not_write_is_told(look, home, tmp_path, monkeypatch):
    """Nor make one. A file system that is mounted read-only says so to root, too."""
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    status, told = look("fail")
    assert (status, "this user may not write there" in told) == (1, True)

    home.rmdir()
    status, told = look("fail")
    assert (status, f"since {tmp_path} is no directory in which this user may write" in told) == (1, True)


def test_an_instance_that_lives_is_well_and_one_that_has_died_is_told(look, tmp_path):
    """Its rows wait for the next process, or for `dcrlog spool drain`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holds:
        assert holds.stdout.readline() == b"held\n"
        assert "living instances: 1 ->" in look("ok")[1]
        holds.kill()
        holds.wait(30)

    status, told = look("warn")
    assert (status, "living instances: 0, dead ones with rows: 1" in told) == (0, True)
    assert "dcrlog spool drain" in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quarantine/damaged", "damaged files in quarantine: 1 -> See: dcrlog spool list"),
        (f"dead/{1:020}-{2:024}-3.json", "the service has refused: 1 -> See why: dcrlog spool show --dead"),
    ],
)
def test_what_is_damaged_and_what_was_refused_is_counted(look, home, name, told):
    """Somebody has to look at it."""
    (home / name).parent.mkdir(mode=0o700)
    (home / name).write_bytes(b"x")

    assert told in look("warn")[1]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("free", "state", "told"),
    [
        (1024**2 - 1, "fail", "a segment takes 1,048,576: rows wait in memory only -> Make room"),
        (1024**2, "warn", "less than spool_capacity (1,073,741,824) -> Make room, or lower spool_capacity"),
    ],
)
def test_a_disk_without_room_is_told(look, monkeypatch, free, state, told):
    """With room for one segment it is only a warning."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1024**3, 0, free))
    status, found = look(state)

    assert (status, told in found) == (int(state == "fail"), True), found


def test_a_full_disk_is_told_before_there_is_a_spool(doctor, tmp_path, monkeypatch):
    """Though the directory could be made."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1024**3, 0, 0))
    _, told = doctor("--spool-dir", tmp_path / "new", "--offline")

    assert "rows wait in memory only" in finding(told, "spool")
