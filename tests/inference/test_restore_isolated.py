"""Restoring files that nobody vouches for: the same file, and processes gone bad."""

import os
import pathlib
import signal

import numpy as np
import pytest

from offkeras import cli, data, inference
from offkeras.video import isolated, isolated_remux
from tests.inference.test_restore import random_model
from tests.video.streams.test_remux import frames_of, sound_of, times_of
from tests.video.test_isolated import children

RECORD = "import struct; RECORD = struct.Struct('<cdII')\n"


def assert_restored_alike(video, suffix, model, tmp_path, **options):
    """With crf=0, which is lossless: x264 itself is not the same in every process."""
    outputs = [tmp_path / f"{name}.{suffix}" for name in ("plain", "isolated")]
    for output, source in zip(outputs, (video, inference.Isolated(video)), strict=True):
        inference.restore_file(source, output, model, crf=0, **options)
    assert not children()
    assert_alike(*outputs)
    return outputs[1]


def assert_alike(path, other):
    """The same frames at the same times, and the same packets of sound."""
    assert times_of(path) == times_of(other)
    np.testing.assert_array_equal(frames_of(path), frames_of(other))
    assert sound_of(path) == sound_of(other)


@pytest.mark.parametrize("num_frames", [0, 2, 3])
def test_the_same_file(num_frames, film, tmp_path):
    """By models that look behind and ahead; with sound and without, split, in tiles."""
    video, model = film("film.mp4", num_frames=20), random_model(num_frames)
    output = assert_restored_alike(video, "mp4", model, tmp_path)
    assert len(frames_of(output)) == 20 and len(sound_of(output)[0]) > 20
    options = {"audio": False, "split": True, "tile": 80}
    output = assert_restored_alike(video, "mp4", model, tmp_path, **options)
    assert sound_of(output) == []


@pytest.mark.parametrize("name", ["film.ts", "film.mkv", "film.avi"])
def test_other_containers(name, film, identity, tmp_path):
    video = film(name, num_frames=20, tracks=2, audio_codec="mp3")
    output = assert_restored_alike(video, "mkv", identity, tmp_path)
    assert [len(track) > 20 for track in sound_of(output)] == [True, True]


def test_an_uneven_clock_and_rotation(encode, identity, tmp_path):
    video = encode("a.mp4", durations=[40, 5, 300, 7, 90], num_frames=5, rotation=90)
    output = assert_restored_alike(video, "mov", identity, tmp_path)
    assert [float(t) for t in times_of(output)[0]] == [0, 0.04, 0.045, 0.345, 0.352]


def test_the_same_frames(encode):
    video, model = encode("a.mp4", num_frames=6), random_model(3)
    pairs = zip(
        inference.restore(inference.Isolated(video), model),
        inference.restore(video, model),
        strict=True,
    )
    for (seconds, frame), (expected_seconds, expected) in pairs:
        assert seconds == expected_seconds
        np.testing.assert_array_equal(frame, expected)


def test_no_container_is_opened_here(film, identity, tmp_path, monkeypatch):
    """Neither the video nor its sound is parsed in this process."""
    import av

    video, output = film("film.mp4", num_frames=5), tmp_path / "out.mp4"

    def refused(*args, **kwargs):
        raise AssertionError("a container was opened")

    monkeypatch.setattr(av, "open", refused)
    inference.restore_file(inference.Isolated(video), output, identity)
    monkeypatch.undo()
    assert len(sound_of(output)[0]) > 5


def damage(path, part):
    """Zeros over half of an MP4's data, or of its index."""
    content = bytearray(path.read_bytes())
    data_, index = content.index(b"mdat"), content.index(b"moov")
    start, end = (data_, index - 4) if part == "data" else (index, len(content))
    length = (end - start) // 2
    start = start + length if part == "data" else start + 16
    content[start : start + length] = bytes(length)
    path.write_bytes(content)


@pytest.mark.parametrize("part", ["data", "index"])
def test_damaged_files_give_the_same_sentence(part, film, identity, tmp_path):
    video, output = pathlib.Path(film("film.mp4")), tmp_path / "out.mp4"
    damage(video, part)
    messages = []
    for source in (video, inference.Isolated(video)):
        with pytest.raises(data.VideoError, match=r"^\S+film\.mp4: ") as caught:
            inference.restore_file(source, output, identity)
        messages.append(str(caught.value))
        assert not list(tmp_path.glob("*out*"))
    assert messages[0] == messages[1]
    assert not children()


def test_sound_that_the_container_cannot_hold(film, identity, tmp_path):
    video = film("film.mkv", audio_codec="pcm_u8", num_frames=10)
    with pytest.raises(data.VideoError, match=r"film\.mkv: .*pcm_u8.*leave the sound"):
        inference.restore_file(
            inference.Isolated(video), tmp_path / "out.mp4", identity
        )


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_process_that_dies_on_the_way(number, film, identity, tmp_path):
    video, output = film("film.mp4", num_frames=30), tmp_path / "out.mp4"
    output.write_bytes(b"old")

    def done(count):
        if count == 3:
            os.kill(children()[0], number)

    message = rf"film\.mp4: crashed its decoder \({signal.Signals(number).name}\)"
    with pytest.raises(data.VideoError, match=message):
        inference.restore_file(inference.Isolated(video), output, identity, done=done)
    assert output.read_bytes() == b"old" and not list(tmp_path.glob("*partial*"))
    assert not children()


def test_a_process_that_takes_no_frames(encode, identity, tmp_path, monkeypatch):
    """It hangs where a restored frame, larger than a pipe holds, is sent to it."""
    video = encode("a.mp4", num_frames=4, height=256, width=256)
    start = isolated.Process.__init__

    def impatient(self, *args, **options):
        start(self, *args, timeout=2, **options)

    monkeypatch.setattr(isolated.Process, "__init__", impatient)

    def done(count):
        os.kill(children()[0], signal.SIGSTOP)

    with pytest.raises(data.VideoError, match=r"a\.mp4: .* within 2 seconds"):
        inference.restore_file(
            inference.Isolated(video), tmp_path / "out.mp4", identity, done=done
        )
    assert not list(tmp_path.glob("*out*"))
    assert not children()


@pytest.mark.parametrize(
    "program, message",
    [
        ("import os; os.abort()", "crashed its decoder"),
        ("import os; os.write(1, RECORD.pack(b'D', 9, 0, 1) + b'a')", "a wrong file"),
        ("import os; os.write(1, RECORD.pack(b'D', -1, 0, 1) + b'a')", "a wrong file"),
        (
            "import os; os.write(1, RECORD.pack(b'D', float('nan'), 0, 1))",
            "a wrong file",
        ),
        ("import os; os.write(1, RECORD.pack(b'D', 0, 0, 2**31))", "a wrong file"),
        (
            "import os\nwhile True: os.write(1, RECORD.pack(b'D', 0, 0, 9) + b'a' * 9)",
            "a wrong file",
        ),
        ("import os; os.write(1, RECORD.pack(b'F', 0, 2**31, 2**31))", "wrong size"),
        ("import os; os.write(1, RECORD.pack(b'T', 0, 4, 4))", "gave no frame"),
    ],
)
def test_a_process_under_hostile_control(
    program,
    message,
    encode,
    identity,
    tmp_path,
    monkeypatch,
):
    """The new file has no holes and an end, whatever the process says."""
    video, start = encode("a.mp4", num_frames=2), isolated.subprocess.Popen
    monkeypatch.setattr(isolated_remux, "ROOM", 2**16)

    def hostile(command, **options):
        return start([command[0], "-c", RECORD + program], **options)

    monkeypatch.setattr(isolated.subprocess, "Popen", hostile)
    with pytest.raises(data.VideoError, match=rf"a\.mp4: .*{message}"):
        inference.restore_file(
            inference.Isolated(video), tmp_path / "out.mp4", identity
        )
    assert not list(tmp_path.glob("*out*"))
    assert not children()


def test_command(film, tmp_path, capsys):
    random_model(2).save(tmp_path / "model.keras")
    film("films/a.mp4", num_frames=6)
    arguments = ["restore", str(tmp_path / "films"), "--model", str(tmp_path)]
    arguments += ["--crf", "0"]
    for name, extra in {"plain": [], "isolated": ["--isolated"]}.items():
        cli.main([*arguments, "--output", str(tmp_path / name), *extra])
    assert "a.mp4: 6 frames in " in capsys.readouterr().out
    assert_alike(tmp_path / "plain" / "a.mp4", tmp_path / "isolated" / "a.mp4")
