import functools
import shutil

import cv2
import numpy as np
import pytest

from offkeras.data.restoration import septuplet_files
from offkeras.data.sample_videos import sample_video
from offkeras.training.prepare import compression as prepare_compression

SMALL = ("--height", "32", "--width", "48", "--codec", "mjpeg", "--quality", "20")


def test_a_folder_of_videos(tmp_path, capsys):
    videos = tmp_path / "videos/more"
    videos.mkdir(parents=True)
    for name in ("bikes.mp4", "carphone_pristine.mp4"):
        shutil.copy(sample_video(name), videos / name)
    (videos / "notes.txt").write_text("no video")
    arguments = ["--videos", str(tmp_path / "videos"), "--data", str(tmp_path / "data")]
    arguments += ["--test-every", "2", "--stride", "40", *SMALL]
    prepare_compression.main(arguments)

    train = septuplet_files.read_list(tmp_path / "data", "train")
    test = septuplet_files.read_list(tmp_path / "data", "test")
    assert {name.split("/")[0] for name in train} == {"00001"}
    assert test == ["00002/0001", "00002/0002", "00002/0003"]
    for folder in ("sequences", "mjpeg_q20"):
        clip = septuplet_files.read_clip(tmp_path / "data", folder, "00002/0003")
        assert clip.shape == (7, 32, 48, 3)
    assert "mjpeg_q20: " in capsys.readouterr().out
    # Again: nothing is written anew.
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*.png")}
    prepare_compression.main(arguments)
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*.png")}
    assert before == after


def test_problems_are_listed_before_the_work_begins(tmp_path):
    septuplet_files.write_clip(
        tmp_path / "sequences/00001/0001", np.zeros((7, 16, 16, 3), np.uint8)
    )
    septuplet_files.write_list(tmp_path, "train", ["00001/0001", "00001/0002"])
    image = np.zeros((8, 8, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "sequences/00001/0001/im5.png"), image)
    with pytest.raises(SystemExit) as error:
        prepare_compression.main(["--data", str(tmp_path)])
    message = str(error.value)
    assert message.startswith("2 problem(s):")
    assert "0001/im5.png to be 16x16 pixels. Received: 8x8" in message
    assert "sequences/00001/0002 is missing" in message
    assert not (tmp_path / "jpeg2000_q40").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--videos", "{0}"], "Expected at least 10 videos .*.mp4.*{0}.* Found 0"),
        (["--videos", "{0}/none"], "--videos to be a folder. Received: {0}/none"),
        ([], "Expected lists of clips.*{0}"),
        (["--test-every", "1"], "--test-every of at least 2. Received: 1"),
        (["--stride", "0"], "--stride of at least 1. Received: 0"),
        (["--on-error", "stop"], "one of raise, skip. Received: 'stop'"),
    ],
)
def test_bad_options_are_named(tmp_path, options, message):
    options = [option.format(tmp_path) for option in options]
    with pytest.raises(SystemExit, match=message.format(tmp_path)):
        prepare_compression.main(["--data", str(tmp_path), *options])


@pytest.fixture
def videos(tmp_path):
    """Two good videos, and two that are none."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("one.mp4", "two.mp4"):
        shutil.copy(sample_video("carphone_pristine.mp4"), folder / name)
    (folder / "broken.mp4").write_bytes((folder / "one.mp4").read_bytes()[:9000])
    (folder / "text.avi").write_text("text")
    return folder


def test_broken_videos_are_listed_before_the_work_begins(videos, tmp_path, capsys):
    arguments = ["--videos", str(videos), "--data", str(tmp_path / "data")]
    arguments += ["--test-every", "2", "--stride", "90", *SMALL]
    with pytest.raises(SystemExit, match="2 broken(.|\n)*broken.mp4(.|\n)*text.avi"):
        prepare_compression.main(arguments)
    assert not (tmp_path / "data").exists()
    prepare_compression.main([*arguments, "--on-error", "skip"])
    assert capsys.readouterr().out.count("skipped ") == 2
    test = septuplet_files.read_list(tmp_path / "data", "test")
    assert {name.split("/")[0] for name in test} == {"00002"}


def test_septuplets_of_other_videos_are_not_mixed(videos, tmp_path):
    for name in ("broken.mp4", "text.avi"):
        (videos / name).unlink()
    arguments = ["--videos", str(videos), "--data", str(tmp_path / "data")]
    arguments += ["--test-every", "2", "--stride", "90", *SMALL]
    prepare_compression.main(arguments)
    before = sorted((tmp_path / "data").rglob("*"))
    with pytest.raises(SystemExit, match="stride: expected 90, received 30"):
        prepare_compression.main([*arguments, "--stride", "30"])
    shutil.copy(videos / "one.mp4", videos / "three.mp4")
    with pytest.raises(
        SystemExit, match="videos: expected 2 files, .*received 3 files"
    ):
        prepare_compression.main(arguments)
    (tmp_path / "data/cut.json").unlink()  # as the official septuplets
    with pytest.raises(SystemExit, match="data holds septuplets already"):
        prepare_compression.main(arguments)
    assert set(before) - set((tmp_path / "data").rglob("*")) == {
        tmp_path / "data/cut.json"
    }


def test_photographs_become_clips_of_a_moving_camera(tmp_path, capsys):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)
    cv2.imwrite(str(photographs / "a.png"), picture)
    arguments = ["--photographs", str(photographs), "--clips", "2"]
    arguments += ["--data", str(tmp_path / "data"), "--codec", "mjpeg"]
    prepare_compression.main([*arguments, "--quality", "4", "20"])
    clips = septuplet_files.read_list(tmp_path / "data", "photographs")
    assert clips == ["photograph_a/0001", "photograph_a/0002"]
    read = functools.partial(septuplet_files.read_clip, tmp_path / "data")
    for clip in clips:
        clean, good, bad = (
            read(name, clip) for name in ("sequences", "mjpeg_q4", "mjpeg_q20")
        )
        assert clean.shape == (7, 256, 256, 3)
        # No two frames are the same: the camera moves.
        assert (np.abs(np.diff(clean.astype(float), axis=0)).mean((1, 2, 3)) > 0).all()
        assert cv2.PSNR(clean[3], good[3]) > cv2.PSNR(clean[3], bad[3])
    assert (read("sequences", clips[0]) != read("sequences", clips[1])).any()
    assert "mjpeg_q20: 2 clips" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--photographs a folder.*none"):
        prepare_compression.main(["--photographs", str(tmp_path / "none")])
