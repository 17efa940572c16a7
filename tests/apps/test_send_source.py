"""Where `dcrlog send` goes on in a file."""

import gzip

import pytest

from dcrlog.cli.sending.source import TAIL_BYTES, Source


def test_a_place_in_gzip_is_found_with_what_stands_before_it(tmp_path):
    """Also where the blocks in which it is read end just before."""
    data = b"".join(b"%07d\n" % number for number in range(40_000))
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))

    for offset in (8, 256 * 1024 + 8, len(data)):
        with Source(str(tmp_path / "a.gz")).open() as opened:
            assert opened.skip(offset) == data[max(0, offset - TAIL_BYTES) : offset]
            assert opened.stream.read() == data[offset:]


def test_a_place_in_a_file_is_found_without_reading_what_is_before_it(tmp_path):
    """A terabyte takes no longer than a line."""
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(2**40)
        file.seek(2**40)
        file.write(b"the end\n")

    with Source(str(path)).open() as opened:
        assert opened.skip(2**40 + 8) == b"\0" * (TAIL_BYTES - 8) + b"the end\n"


def test_a_place_behind_the_end_is_not_there(tmp_path):
    """The file was cut."""
    (tmp_path / "a").write_text("short")

    with (
        Source(str(tmp_path / "a")).open() as opened,
        pytest.raises(EOFError, match="it is shorter than it was"),
    ):
        opened.skip(6)
