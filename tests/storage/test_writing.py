"""Files and folders that appear whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from offkeras.storage.writing import write_text, written_whole


def test_files_and_folders_appear_at_the_end(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with written_whole(path) as temporary:
        assert temporary.suffix == ".txt" and not path.exists()
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    write_text(path, "ä")
    assert path.read_bytes() == "ä".encode()
    with written_whole(tmp_path / "images") as temporary:
        temporary.mkdir()
        (temporary / "1.png").write_bytes(b"png")
    assert (tmp_path / "images/1.png").read_bytes() == b"png"
    assert sorted(os.listdir(tmp_path)) == ["images", "new"]
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("suffix", [".mp4", "." + 254 * "a", ""])
def test_names_as_long_as_the_file_system_has_them(suffix, tmp_path):
    name = "a" * (255 - len(suffix)) + suffix
    write_text(tmp_path / name, "data")
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_all_is_as_it_was(error, tmp_path):
    old = tmp_path / "old"
    old.write_text("old")
    for path in (old, tmp_path / "new/folder/a"):
        with pytest.raises(error), written_whole(path) as temporary:
            temporary.write_text("half")
            raise error
    assert os.listdir(tmp_path) == ["old"] and old.read_text() == "old"
    with pytest.raises(FileNotFoundError), written_whole(old):
        pass  # nothing was written
    assert os.listdir(tmp_path) == ["old"] and old.read_text() == "old"


def test_a_second_writer_is_refused(tmp_path):
    path = tmp_path / "a"
    with written_whole(path) as temporary:
        temporary.write_text("first")
        with pytest.raises(BlockingIOError, match="a is being written by another"):
            write_text(path, "second")
        write_text(tmp_path / "b", "another file")
        code = "import sys; from offkeras.storage import writing; "
        code += "writing.write_text(sys.argv[1], '')"
        command = [sys.executable, "-c", code, path]
        second = subprocess.run(command, capture_output=True)
        assert b"BlockingIOError" in second.stderr
    assert path.read_text() == "first"
    write_text(path, "third")
    assert path.read_text() == "third"


def test_what_a_killed_writer_left_goes(tmp_path):
    path = tmp_path / "a"
    code = f"""
import os, signal
from offkeras.storage.writing import written_whole
with written_whole({str(path)!r}) as temporary:
    temporary.mkdir()
    (temporary / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code])
    assert killed.returncode == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".writing-")
    write_text(path, "whole")
    assert os.listdir(tmp_path) == ["a"] and path.read_text() == "whole"


def test_a_link_in_the_way_is_not_followed(tmp_path):
    with written_whole(tmp_path / "a") as temporary:
        temporary.write_text("")
        hidden = temporary.parent
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("kept")
    hidden.symlink_to(tmp_path / "precious")
    with pytest.raises(NotADirectoryError, match=r"/a'"):
        write_text(tmp_path / "a", "")
    assert (tmp_path / "precious/file").read_text() == "kept"


def test_a_full_disk_is_told_of_the_file(tmp_path):
    """Writing to /dev/full fails as on a full disk, without the name of a file."""
    path = tmp_path / "new/a.bin"
    with pytest.raises(OSError) as raised, written_whole(path) as temporary:
        temporary.symlink_to("/dev/full")
        with open(temporary, "wb", buffering=0) as file:
            file.write(b"data")
    assert str(raised.value) == f"[Errno 28] No space left on device: '{path}'"
    assert os.listdir(tmp_path) == []


def test_places_where_nothing_can_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file/a", tmp_path / ("a" * 256)):
        with pytest.raises(OSError, match=path.name):
            write_text(path, "")
