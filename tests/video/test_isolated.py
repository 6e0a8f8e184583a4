"""Videos read in a process of their own, and processes that misbehave."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from offkeras.video import isolated, write_video
from offkeras.video import reading as video
from offkeras.video.reading import VideoError


def children():
    """Identities of the processes that this one has started."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:  # has just ended
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_the_same_frames(name, encode):
    path = encode(name, num_frames=20, rotation=90 if name == "a.mp4" else None)
    assert isolated.probe(path) == video.probe(path)
    pairs = zip(isolated.iterate_frames(path), video.iterate_frames(path), strict=True)
    for (time_, frame), (expected_time, expected) in pairs:
        assert time_ == expected_time
        np.testing.assert_array_equal(frame, expected)


def test_errors_of_the_reader_come_through(encode, tmp_path):
    path = encode("a.mp4", num_frames=9)
    for read in (isolated.probe, lambda p, **k: list(isolated.iterate_frames(p, **k))):
        with pytest.raises(VideoError, match=r"a\.mp4: has more than max_frames=8"):
            read(path, max_frames=8)
        with pytest.raises(VideoError, match="96x64 exceeds max_pixels=100"):
            read(path, max_pixels=100)
        with pytest.raises(VideoError, match=r"absent\.mp4: no such file"):
            read(tmp_path / "absent.mp4")
    assert not children()


def test_no_process_stays_behind(encode):
    path = encode("a.mp4")
    frames = isolated.iterate_frames(path)
    next(frames)
    (process,) = children()
    frames.close()
    assert process not in children()


def test_a_decoder_that_crashes_or_hangs(encode):
    path = encode("a.mp4", num_frames=60, height=256, width=256)
    frames = isolated.iterate_frames(path)
    next(frames)
    os.kill(children()[0], signal.SIGSEGV)
    with pytest.raises(VideoError, match=r"a\.mp4: crashed its decoder \(SIGSEGV\)"):
        list(frames)

    frames = isolated.iterate_frames(path, timeout=2)
    next(frames)
    os.kill(children()[0], signal.SIGSTOP)
    with pytest.raises(VideoError, match="could not be decoded within 2 seconds"):
        list(frames)
    assert not children()


def test_memory_is_bounded(tmp_path):
    """A frame of 48 million pixels, which the decoder may not hold."""
    path = tmp_path / "large.mov"
    frame = np.zeros((6000, 8000, 3), np.uint8)
    write_video(path, [frame], fps=5, codec="mpeg4")
    assert next(isolated.iterate_frames(path))[1].shape == frame.shape
    with pytest.raises(VideoError, match=r"large\.mov: "):
        list(isolated.iterate_frames(path, max_memory=2**28))


@pytest.mark.parametrize(
    "program, message",
    [
        ("while True: pass", "within 2 seconds|SIGXCPU"),
        ("import os; os.abort()", "crashed its decoder"),
        ("import os; os.write(1, b'F' * 21)", "wrong size|gave no|crashed"),
        ("import os; os.write(1, RECORD.pack(b'F', 0, 2**31, 2**31))", "wrong size"),
        ("import os; os.write(1, RECORD.pack(b'F', float('nan'), 4, 4))", "no frame"),
        ("import os; os.write(1, RECORD.pack(b'E', 0, 0, 2**31))", "crashed"),
        ("import os; os.write(1, RECORD.pack(b'Z', 0, 0, 0))", "gave no frame"),
    ],
)
def test_a_decoder_under_hostile_control(program, message, encode, monkeypatch):
    """What a file could make of the process if it broke into FFmpeg."""
    path = encode("a.mp4", num_frames=2)
    start = isolated.subprocess.Popen
    prelude = "import struct; RECORD = struct.Struct('<cdII')\n"

    def hostile(command, **options):
        return start([command[0], "-c", prelude + program], **options)

    monkeypatch.setattr(isolated.subprocess, "Popen", hostile)
    with pytest.raises(VideoError, match=message):
        list(isolated.iterate_frames(path, timeout=2))
    assert not children()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        "[1, 2, 3, 0]",
        "[1, 2, 3, NaN]",
        "[0, 2, 3, 4]",
        "[1, 1e9, 1e9, 4]",
        '["a", 2, 3, 4]',
        "[1e999, 2, 3, 4]",
        "7",
    ],
)
def test_answers_under_hostile_control(answer, encode, monkeypatch):
    path = encode("a.mp4", num_frames=2)
    start = isolated.subprocess.Popen
    program = (
        "import os, struct\n"
        f"data = {answer!r}.encode()\n"
        "os.write(1, struct.pack('<cdII', b'T', 0, 0, len(data)) + data)\n"
    )

    def hostile(command, **options):
        return start([command[0], "-c", program], **options)

    monkeypatch.setattr(isolated.subprocess, "Popen", hostile)
    with pytest.raises(VideoError, match="its decoder gave"):
        isolated.probe(path, timeout=9)


def test_the_process_imports_no_tensorflow():
    code = (
        "import sys\n"
        "from offkeras.video import decoder, isolated, isolated_remux\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
