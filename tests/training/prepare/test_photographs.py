import cv2
import numpy as np
import pytest

from training import prepare_photographs as photographs


def test_parts_share_no_photograph():
    assert not {*photographs.TRAIN} & {*photographs.TEST}


def test_the_largest_file_of_a_picture_is_taken(tmp_path):
    images = tmp_path / "usr/share/wallpapers/Path/contents/images"
    images.mkdir(parents=True)
    (images / "640x480.jpg").write_bytes(b"1")
    (images / "2560x1600.jpg").write_bytes(b"1234")
    other = tmp_path / "usr/share/backgrounds/mate/Wood.jpg"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"12")
    assert photographs.find(tmp_path, "Path") == images / "2560x1600.jpg"
    assert photographs.find(tmp_path, "Wood") == other
    with pytest.raises(FileNotFoundError, match="Dune: expected a picture"):
        photographs.find(tmp_path, "Dune")


def test_pictures_are_scaled_down_and_never_up(tmp_path):
    for side, expected in ((2400, (960, 1920)), (400, (200, 400))):
        source = tmp_path / f"{side}.png"
        cv2.imwrite(str(source), np.zeros((side // 2, side, 3), np.uint8))
        photographs.save(source, tmp_path / "out.jpg")
        assert cv2.imread(str(tmp_path / "out.jpg")).shape[:2] == expected
