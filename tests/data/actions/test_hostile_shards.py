"""Prepared shards with flipped bits, lying manifests and images of a huge size."""

import copy
import json
import struct
import types

import numpy as np
import pytest

from offkeras.data.actions import shard_writer, shards
from offkeras.data.actions.video_examples import ExampleOptions, make_example
from tests.support import action_miniatures


@pytest.fixture
def folder(tmp_path):
    """A shard of one video."""
    path = tmp_path / "a.avi"
    action_miniatures.write_video(path, num_frames=4)
    video = types.SimpleNamespace(name="a", path=str(path), label=0, group="a")
    folder = tmp_path / "shards"
    folder.mkdir()
    name = shards.shard_name(0, 1)
    writer = shard_writer.ShardWriter(folder, name)
    writer.add(make_example(video, ExampleOptions(height=48, width=64)))
    writer.commit()
    content = {
        "format": shards.FORMAT,
        "class_names": ["walk"],
        "options": {"flow": "none"},
        "shards": [json.loads((folder / f"{name}.json").read_text())],
    }
    (folder / shards.MANIFEST).write_text(json.dumps(content))
    return folder


def read(folder):
    manifest = shards.read_manifest(str(folder))
    video = manifest.videos["a"]
    positions = np.arange(video.num_frames)[:, None]
    return shards.read_images(str(folder), video, "rgb", positions)


def test_every_flipped_bit_of_an_image_is_found(folder):
    images = read(folder)
    assert len(images) == 4 and all(i[0][:2] == b"\xff\xd8" for i in images)
    path = next(folder.glob("*.tfrecord"))
    whole = path.read_bytes()
    start = whole.index(images[2, 0])
    for place in range(start, start + len(images[2, 0]), 40):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(ValueError, match="tfrecord is damaged: an image of a"):
            read(folder)


def test_every_flipped_bit_of_the_index_is_found(folder):
    path = next(folder.glob("*.index"))
    whole = path.read_bytes()
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(ValueError, match="tfrecord (is damaged|does not hold)"):
            read(folder)


def test_an_image_of_a_huge_size_is_not_decoded(folder, monkeypatch):
    """As a foreign writer could store it, with the right checksum."""
    monkeypatch.setattr(shards.zlib, "crc32", lambda jpeg: ANY)
    path = next(folder.glob("*.tfrecord"))
    size = struct.pack(">HH", 48, 64)
    data = path.read_bytes()
    assert size in data
    path.write_bytes(data.replace(size, struct.pack(">HH", 60000, 60000)))
    with pytest.raises(ValueError, match="is not the JPEG that was stored"):
        read(folder)


class Any:
    """Equal to everything."""

    def __ne__(self, other):
        return False


ANY = Any()


@pytest.mark.parametrize(
    "key, value",
    [
        ("label", 1),
        ("label", -1),
        ("label", "0"),
        ("label", True),
        ("row", -1),
        ("num_frames", 0),
        ("num_frames", 2**60),
        ("name", ["a"]),
        ("group", None),
        ("extra", 1),
    ],
)
def test_a_manifest_that_lies_is_named(key, value, folder):
    path = folder / shards.MANIFEST
    content = json.loads(path.read_text())
    broken = copy.deepcopy(content)
    broken["shards"][0]["videos"][0][key] = value
    path.write_text(json.dumps(broken))
    with pytest.raises(ValueError, match="manifest.json is not a manifest of videos"):
        read(folder)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="manifest.json is broken JSON"):
        read(folder)
