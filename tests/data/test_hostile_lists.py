"""Lists, XML and JSON that reach out of the data or ask for too much memory."""

import json
import shutil
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from offkeras import data
from offkeras.data.detection import images
from offkeras.data.detection.annotation import read_annotation
from offkeras.data.detection.classes import read_classes
from offkeras.data.restoration import septuplet_files
from offkeras.storage import limits
from tests.support import action_miniatures
from tests.support.vid_miniature import (
    CAR,
    write_image,
    write_list,
    write_miniature,
    xml,
)

OUTSIDE = ("../secret.avi", "/etc/passwd", "a/../../secret.avi", "s3://b/a", "a\\b")


@pytest.fixture
def peak():
    """Function that gives the most memory that Python took in the test so far."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture
def videos(tmp_path):
    """A folder of videos, lists beside it, and a good video outside."""
    action_miniatures.write_video(tmp_path / "secret.avi", num_frames=4)
    action_miniatures.write_video(tmp_path / "videos/a.avi", num_frames=4)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classes.txt").write_text("walk\n")
    (lists / "train.txt").write_text("a.avi 4 0\n")
    return tmp_path / "videos", lists


def test_lists_of_videos_cannot_reach_out(videos):
    folder, lists = videos
    test = lists / "test.txt"
    test.write_text("".join(f"{name} 4 0\n" for name in OUTSIDE))
    with pytest.raises(ValueError, match="5 problem") as caught:
        data.tsn_list(folder, lists)
    for number in range(1, 6):
        assert f"{test}:{number}: Expected a path below the folder" in str(caught.value)


def test_links_cannot_lead_out(videos):
    folder, lists = videos
    (folder / "link.avi").symlink_to(folder.parent / "secret.avi")
    (folder / "far").symlink_to(folder.parent)
    (folder / "near.avi").symlink_to(folder / "a.avi")
    test = lists / "test.txt"
    test.write_text("link.avi 4 0\nfar/secret.avi 4 0\n")
    with pytest.raises(ValueError, match="2 problem") as caught:
        data.tsn_list(folder, lists)
    assert f"{test}:1: {folder}/link.avi leads out of {folder}" in str(caught.value)
    assert f"{test}:2: {folder}/far/secret.avi leads out" in str(caught.value)

    test.write_text("near.avi 4 0\n")  # a link within the folder is none of these,
    link = folder.parent / "elsewhere"  # nor is the folder itself
    link.symlink_to(folder)
    assert len(data.tsn_list(link, lists).test) == 1


def test_links_in_imagenet_vid(tmp_path):
    root = write_miniature(tmp_path / "root")
    frame = root / "Data/VID/val/one/000000.JPEG"
    annotation = root / "Annotations/VID/val/two/000001.xml"
    for path in (frame, annotation):
        shutil.move(path, tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    with pytest.raises(ValueError, match="2 problem") as caught:
        data.load_imagenet_vid(root, ["VID_val_videos"], keep_empty=True)
    for path in (frame, annotation):
        assert f"{path} leads out of {root}, through a link" in str(caught.value)


@pytest.mark.parametrize("name", OUTSIDE)
def test_coco_files_cannot_reach_out(name, tmp_path):
    write_image(tmp_path / "secret.avi.jpg")
    with pytest.raises(ValueError, match="leads outside the data"):
        data.load_coco_vid(write_coco(tmp_path, file_name=name), tmp_path / "images")


def test_links_in_coco(tmp_path):
    write_image(tmp_path / "secret.jpg")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(ValueError, match=r"images/a\.jpg leads out of"):
        data.load_coco_vid(write_coco(tmp_path), tmp_path / "images")


def write_coco(folder, **image):
    image = {"file_name": "a.jpg", "width": 60, "height": 40, **image}
    numbers = {"id": 0, "video_id": 0, "frame_id": 0}
    item = {"id": 0, "image_id": 0, "category_id": 0, "instance_id": 0}
    content = {
        "videos": [{"id": 0, "name": "v"}],
        "images": [numbers | image],
        "annotations": [item | {"bbox": [1, 1, 9, 9]}],
        "categories": [{"id": 0, "name": "car"}],
    }
    path = folder / "videos.json"
    path.write_text(json.dumps(content))
    return path


def test_links_in_septuplets(tmp_path):
    root = tmp_path / "root"
    clip = root / "sequences/1/1"
    frames = np.zeros((7, 8, 8, 3), np.uint8)
    clip.parent.mkdir(parents=True)
    septuplet_files.write_clip(clip, frames)
    shutil.move(clip / "im3.png", tmp_path / "im3.png")
    (clip / "im3.png").symlink_to(tmp_path / "im3.png")
    (problem,) = septuplet_files.find_problems(root, ["1/1"])
    assert problem.startswith(f"{clip}/im3.png leads out of {root}")


def test_lines_and_lists_of_any_length(tmp_path, peak):
    path = tmp_path / "list.txt"
    path.write_text("a\n" + "b" * 10_000_000)
    with pytest.raises(ValueError, match=r"list\.txt:2: Expected at most 4096"):
        list(limits.read_lines(path))
    with open(path, "wb") as file:
        file.truncate(limits.MAX_LIST + 1)  # takes no room on the disk
    with pytest.raises(ValueError, match=r"list\.txt has 268435457 bytes"):
        list(limits.read_lines(path))
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match=r"list\.txt is not UTF-8"):
        read_classes(path)
    assert peak() < 30_000_000


def test_few_words_that_stand_for_many_frames(tmp_path, peak):
    root = write_miniature(tmp_path)
    write_list(root, "VID_val_videos", "val/two 1 0 9999999")
    with pytest.raises(ValueError, match="line 1 .* more than 4194304 frames"):
        data.load_imagenet_vid(root, ["VID_val_videos"])
    write_list(root, "VID_train_15frames", "val/two 1 0 4194304")
    with pytest.raises(ValueError, match="1000 problem"):
        data.load_imagenet_vid(root, ["VID_train_15frames"])
    assert peak() < 30_000_000


@pytest.mark.parametrize(
    "text, message",
    [
        ("[" * 10_000_000, "more than 1073741824 or 1000000"),
        ("[" + "{}," * 1_000_000 + "{}]", "more than 1073741824 or 1000000"),
        ("[" * 100_000 + "]" * 100_000, "is broken JSON"),
        ("9" * 10_000, "is broken JSON"),
        ('{"images": [' + "{}," * 100_000 + "{}]}", "1000 problem"),
        ('{"videos": [' + "[[[[[[]]]]]]," * 9999 + "0]}", "Received: list of 1"),
    ],
)
def test_json_that_asks_for_memory(text, message, tmp_path, peak, monkeypatch):
    monkeypatch.setattr(limits, "MAX_VALUES", 1_000_000)
    path = tmp_path / "videos.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        data.load_coco_vid(path, tmp_path)
    assert str(path) in str(caught.value)
    assert peak() < 100_000_000


def test_numbers_without_bounds_in_json(tmp_path):
    path = write_coco(tmp_path)
    text = path.read_text()
    for number in ("1e999", "NaN", "-Infinity", "1" + "0" * 400, '"1"', "true"):
        path.write_text(text.replace("[1, 1, 9, 9]", f"[1, 1, {number}, 9]"))
        with pytest.raises(ValueError, match="bbox"):
            data.load_coco_vid(path, tmp_path)


def test_xml_that_asks_for_memory(tmp_path, peak):
    path = tmp_path / "000000.xml"
    cases = {
        "<a>" * 300_000: "more than 16 elements in another",
        xml([(CAR, 0, (1, 1, 2, 2))] * 4097): "more than 4096 objects",
        f"<annotation><size><width>{'9' * 1_000_000}</width></size></annotation>": "<",
        xml([(CAR, 0, (1, "9" * 900_000, 2, 2))]): "box without area|a number in",
    }
    for text, message in cases.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message) as caught:
            read_annotation(path)
        assert str(path) in str(caught.value) and len(str(caught.value)) < 500
    assert peak() < 100_000_000


def test_entities_open_no_file_and_do_not_multiply(tmp_path):
    """Attacks that would show in the result or in the memory if they worked."""
    path, secret = tmp_path / "000000.xml", tmp_path / "secret"
    secret.write_text("word")
    external = f'<!DOCTYPE a [<!ENTITY s SYSTEM "{secret}">]>'
    parameter = f'<!DOCTYPE a [<!ENTITY % s SYSTEM "{secret}"> %s;]>'
    remote = '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">'
    laughs = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10)
    )
    for declaration in (external, parameter, remote, f"<!DOCTYPE a [{laughs}]>"):
        path.write_text(declaration + xml([("&s;&l9;", 0, (1, 1, 2, 2))]))
        with pytest.raises(ValueError, match="declares a document type"):
            read_annotation(path)


def png_chunk(content):
    """A part of a PNG file, with its length and checksum."""
    length, crc = len(content) - 4, zlib.crc32(content)
    return struct.pack(">I", length) + content + struct.pack(">I", crc)


@pytest.mark.parametrize("reader", ["png", "jpeg"])
def test_images_that_declare_a_huge_size(reader, tmp_path):
    """60,000 x 60,000 pixels in a file of a few bytes."""
    path = tmp_path / "huge.png"
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(map(png_chunk, (header, b"IDAT" + body, b"IEND")))
    )
    with pytest.raises(ValueError, match=r"huge\.png has (60000x60000|more)"):
        if reader == "png":
            septuplet_files.read_png(path)
        else:
            images.read_image(path, (60000, 60000))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_bytes("\ufeffn02958343 car\nn02084071 dog\n".encode())
    assert [text for _, text in limits.read_lines(path)][0] == "n02958343 car"
