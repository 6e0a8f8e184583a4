"""Good files of every kind that the library reads, to be damaged.

Each lies in a folder of its own together with what it needs.
"""

import hashlib
import json
import types
from pathlib import Path

import numpy as np

from offkeras import data, models
from offkeras.data.actions import shard_writer, shards
from offkeras.data.actions.video_examples import ExampleOptions, make_example
from offkeras.data.detection import annotation as vid_annotation
from offkeras.data.restoration import septuplet_files
from tests.fuzz import videos

LISTED = {"classes.txt": "walk\nrun fast\n", "train.txt": "a.avi 12 0\n"}
# Files whose checksum finds every flipped bit: either an error, or the same content.
EXACT = ("tfrecord", "index", "keras", "pth", "old pth", "npz", "png")
TEXT = ("list", "image set", "xml", "json", "manifest", "predictions")


def write_originals(folder):
    """Writes all files below a folder.

    Returns:
        Dict of kind to the list of its paths.
    """
    folder = Path(folder)
    frames = [f for _, f in data.iterate_frames(data.sample_video("bikes.mp4"))][:24]
    frames = [np.ascontiguousarray(frame[80:128, 100:164]) for frame in frames]
    makers = {
        "video": videos.write_videos,
        "list": _list,
        "image set": _image_set,
        "xml": _xml,
        "json": _json,
        "manifest": _manifest,
        "tfrecord": _tfrecord,
        "index": _index,
        "predictions": _predictions,
        "png": _png,
        "jpeg": _jpeg,
        "keras": _keras,
        "npz": _npz,
        "pth": _pth,
        "old pth": _old_pth,
    }
    paths = {}
    for kind, make in makers.items():
        place = folder / kind.replace(" ", "_")
        place.mkdir(parents=True)
        paths[kind] = make(place, frames)
    return paths


def _video(path, frames):
    videos.encode(path, frames[:12], codec="mpeg4")


def _list(folder, frames):
    (folder / "videos").mkdir()
    for name in ("a.avi", "b:1.avi"):  # a colon is no protocol
        _video(folder / "videos" / name, frames)
    for name, text in LISTED.items():
        (folder / name).write_text(text, "utf-8-sig")  # as some editors save it
    path = folder / "test.txt"
    path.write_text("b:1.avi 12 1\n")
    return [path, folder / "train.txt", folder / "classes.txt"]


def _annotated(folder, frames, count=3):
    """A video of ImageNet VID; returns the annotation of its first frame."""
    images = folder / "Data/VID/val/a"
    xmls = folder / "Annotations/VID/val/a"
    for place in (images, xmls, folder / "ImageSets"):
        place.mkdir(parents=True)
    for number, frame in enumerate(frames[:count]):
        _write_jpeg(images / f"{number:06}.JPEG", frame)
        annotation = vid_annotation.Annotation(
            size=frame.shape[:2],
            names=("n02958343", "n02084071"),
            boxes=np.float32([[3, 4, 30, 40], [10, 8, 60, 44]]),
            tracks=np.array([0, 1]),
        )
        vid_annotation.write_annotation(
            xmls / f"{number:06}.xml", annotation, folder="a", speeds=[1, 2]
        )
    (folder / "ImageSets/VID_val_videos.txt").write_text(f"val/a 1 0 {count}\n")
    return xmls / "000000.xml"


def _write_jpeg(path, frame):
    import cv2

    cv2.imwrite(str(path), frame[..., ::-1])


def _image_set(folder, frames):
    _annotated(folder, frames)
    return [folder / "ImageSets/VID_val_videos.txt"]


def _xml(folder, frames):
    return [_annotated(folder, frames)]


def _json(folder, frames):
    height, width = frames[0].shape[:2]
    images, annotations = [], []
    for number, frame in enumerate(frames[:3]):
        _write_jpeg(folder / f"{number}.jpg", frame)
        images.append(
            {
                "id": number,
                "video_id": 0,
                "frame_id": number,
                "file_name": f"{number}.jpg",
                "width": width,
                "height": height,
            }
        )
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "instance_id": 0,
                "bbox": [number, 2, 20, 30],
            }
        )
    content = {
        "videos": [{"id": 0, "name": "a"}],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "car"}],
    }
    path = folder / "videos.json"
    path.write_text(json.dumps(content))
    return [path]


def _manifest(folder, frames):
    """A prepared shard of one video."""
    _video(folder / "a.avi", frames)
    video = types.SimpleNamespace(
        name="a", path=str(folder / "a.avi"), label=0, group="a"
    )
    name = shards.shard_name(0, 1)
    writer = shard_writer.ShardWriter(folder, name)
    writer.add(make_example(video, ExampleOptions(height=48, width=64)))
    writer.commit()
    content = {
        "format": shards.FORMAT,
        "class_names": ["walk", "run"],
        "options": {"flow": "none"},
        "shards": [json.loads((folder / f"{name}.json").read_text())],
    }
    path = folder / shards.MANIFEST
    path.write_text(json.dumps(content))
    return [path]


def _tfrecord(folder, frames):
    _manifest(folder, frames)
    return list(folder.glob("*.tfrecord"))


def _index(folder, frames):
    _manifest(folder, frames)
    return list(folder.glob("*.index"))


def _predictions(folder, frames):
    path = folder / "predictions.jsonl"
    with open(path, "w") as file:
        for number in range(3):
            line = {"video": "a", "frame": number, "boxes": [[1, 2, 30, 40]]}
            file.write(json.dumps({**line, "scores": [0.9], "classes": [1]}) + "\n")
    return [path]


def _png(folder, frames):
    septuplet_files.write_clip(folder / "clip", np.stack(frames[:7]))
    return [folder / "clip/im1.png"]


def _jpeg(folder, frames):
    _write_jpeg(folder / "a.jpg", frames[0])
    return [folder / "a.jpg"]


def _keras(folder, frames):
    path = folder / "model.keras"
    models.DnCNN(width=4, depth=3).save(path)
    return [path]


def _state():
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (8, 3, 3, 3), "conv.bias": (8,), "fc.weight": (5, 8)}
    return {k: rng.normal(size=s).astype("float32") for k, s in shapes.items()}


def _npz(folder, frames):
    np.savez(folder / "weights.npz", **_state())
    np.savez_compressed(folder / "packed.npz", **_state())
    return [folder / "weights.npz", folder / "packed.npz"]


def _pth(folder, frames):
    import torch

    path = folder / "weights.pth"
    torch.save({name: torch.tensor(v) for name, v in _state().items()}, path)
    return [path]


def _old_pth(folder, frames):
    """The format without checksums; as downloads have it, with one in the name."""
    import torch

    state = {name: torch.tensor(value) for name, value in _state().items()}
    path = folder / "weights"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return [path.rename(folder / f"weights-{digest}.pth")]
