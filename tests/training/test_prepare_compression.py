import shutil

import cv2
import numpy as np
import pytest

from offkeras.data import septuplet_files
from offkeras.data._sample_videos import sample_video
from training import prepare_compression

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
        (["--videos", "{0}"], "Expected videos .*.mp4"),
        ([], "Expected lists of clips"),
    ],
)
def test_an_empty_folder_is_named(tmp_path, options, message):
    options = [option.format(tmp_path) for option in options]
    with pytest.raises(SystemExit, match=f"{message}.*{tmp_path.name}"):
        prepare_compression.main(["--data", str(tmp_path), *options])
