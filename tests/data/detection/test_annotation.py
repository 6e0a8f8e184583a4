import numpy as np
import pytest

from offkeras.data.detection.annotation import (
    Annotation,
    read_annotation,
    write_annotation,
)
from tests.support.vid_miniature import CAR, DOG, xml


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "000000.xml"
        path.write_text(text)
        return path

    return write


def test_edges_are_inclusive_in_the_file_and_boxes_are_clipped(write):
    objects = [(CAR, 3, (10, 20, 10, 20)), (DOG, None, (-4, -5, 60, 55))]
    found = read_annotation(write(xml(objects, size=(40, 60))))
    assert found.size == (40, 60)
    assert found.names == (CAR, DOG)
    assert found.tracks.tolist() == [3, -1]
    assert found.boxes.tolist() == [[10, 20, 11, 21], [0, 0, 60, 40]]
    assert found.boxes.dtype == np.float32


def test_without_objects(write):
    found = read_annotation(write(xml([])))
    assert found.boxes.shape == (0, 4) and found.tracks.shape == (0,)


def test_what_is_written_is_read(tmp_path):
    written = Annotation(
        size=(96, 128),
        names=("disc", "square"),
        boxes=np.float32([[1, 2, 30, 40], [100, 90, 128, 96]]),
        tracks=np.array([0, 5]),
    )
    path = tmp_path / "000007.xml"
    write_annotation(path, written, folder="train/a", speeds=[1.5, 6])
    found = read_annotation(path)
    assert (found.size, found.names) == (written.size, written.names)
    np.testing.assert_array_equal(found.boxes, written.boxes)
    np.testing.assert_array_equal(found.tracks, written.tracks)
    assert "<xmax>29</xmax>" in path.read_text()
    assert "<speed>1.500</speed>" in path.read_text()


BILLION_LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol "lol">
 <!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
 <!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
]>
<annotation>&lol3;</annotation>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<annotation>&file;</annotation>"""


@pytest.mark.parametrize(
    "text, message",
    [
        (BILLION_LAUGHS, "declares a document type"),
        (OUTSIDE, "declares a document type"),
        ("<annotation>&lol;</annotation>", "is broken XML: undefined entity"),
        ("<annotation><size>", "is broken XML: no element found"),
        ("", "is broken XML"),
        ("<annotation/>", "lacks a <height>"),
        ("<a>" * 400_000, "has more than 1048576 bytes"),
        (xml([(CAR, 0, (5, 5, 4, 9))]), r"box without area .*\[5.0, 5.0, 4.0, 9.0\]"),
        (xml([(CAR, 0, (60, 5, 70, 9))]), "box without area in its image of 60x40"),
        (xml([(CAR, 0, (1, "two", 3, 4))]), "Expected a number in <ymin> .*two"),
        (xml([(CAR, 0, (1, "nan", 3, 4))]), "Expected a number in <ymin> .*nan"),
        (xml([(CAR, "1e99", (1, 2, 3, 4))]), "Expected a whole number in <trackid>"),
        (xml([("", 0, (1, 2, 3, 4))]), "lacks a <name>"),
        (xml([], size=(0, 60)), "has an image of 60x0 pixels"),
    ],
)
def test_a_wrong_file_is_named(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as error:
        read_annotation(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="a.xml cannot be read: No such file"):
        read_annotation(tmp_path / "a.xml")
