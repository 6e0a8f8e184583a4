"""Reads files that may be damaged; a process that runs one case after another.

It takes a JSON object `{"kind", "path"}` a line and answers with another:

    outcome   "result", "error" (named, in one sentence) or "wrong" (anything else)
    message   of the error
    digest    of what was read
    seconds, mib   time, and memory above that before
"""

import hashlib
import json
import os
import resource
import sys
import time
import types
from pathlib import Path

import numpy as np

from benchmarks.support import memory
from offkeras import data, metrics, models, weights
from offkeras.data.actions import shards
from offkeras.data.detection import annotation as vid_annotation
from offkeras.data.detection import images as detection_images
from offkeras.data.restoration import septuplet_files

ADDRESS_SPACE = 16 * 2**30  # protects the machine


def read_video(path):
    """Every frame, and two of them again by another way."""
    info = data.probe(path)
    shapes = [frame.shape for _, frame in data.iterate_frames(path)]
    count = len(shapes)
    assert info.num_frames == count, f"probe {info.num_frames}, iterate {count}"
    # Damaged pixels may depend on where decoding began; their number may not.
    assert data.read_frames(path, [count - 1])[0].shape == shapes[-1]
    return shapes


def read_list(path):
    """A list of videos; nothing outside their folder may come of it."""
    split = data.tsn_list(path.parent / "videos", path.parent)
    root = os.path.realpath(path.parent / "videos")
    for video in split.videos:
        assert os.path.realpath(video.path).startswith(root + "/"), video.path
    return str(split)


def read_image_set(path):
    """A list of ImageNet VID and all it names."""
    root = path.parents[1]
    found = data.load_imagenet_vid(root, [path.stem], keep_empty=True)
    return [str(frame) for frame in found.frames]


def read_xml(path):
    """An annotation."""
    return str(vid_annotation.read_annotation(path))


def read_json(path):
    """Annotations with images."""
    return str(data.load_coco_vid(path, path.parent))


def read_shard(path):
    """Every image of a prepared video."""
    root = str(path.parent)
    manifest = shards.read_manifest(root)
    images = []
    for video in manifest.videos.values():
        positions = np.arange(video.num_frames)[:, None]
        images += list(shards.read_images(root, video, "rgb", positions).ravel())
    return [hashlib.sha256(image).hexdigest() for image in images]


def read_predictions(path):
    """Detections of three frames."""
    video = types.SimpleNamespace(name="a")
    frames = [types.SimpleNamespace(video=video, position=i) for i in range(3)]
    return str(metrics.read_predictions(path, frames, num_classes=2))


def read_png(path):
    """A frame of a septuplet."""
    return digest_of([septuplet_files.read_png(path)])


def read_jpeg(path):
    """A frame of a detection data set."""
    return digest_of([detection_images.read_image(path, (48, 64))])


def read_model(path):
    """The weights of a model."""
    return digest_of([np.asarray(w) for w in models.load_model(path).weights])


def read_state(path):
    """Weights of PyTorch."""
    state = weights.read_state(path)
    return sorted(state), digest_of(state[name] for name in sorted(state))


def digest_of(arrays):
    """SHA-256 of arrays with their shapes."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    return digest.hexdigest()


READERS = {
    "video": read_video,
    "list": read_list,
    "image set": read_image_set,
    "xml": read_xml,
    "json": read_json,
    "manifest": read_shard,
    "tfrecord": read_shard,
    "index": read_shard,
    "predictions": read_predictions,
    "png": read_png,
    "jpeg": read_jpeg,
    "keras": read_model,
    "npz": read_state,
    "pth": read_state,
    "old pth": read_state,
}
PAIRS = ("list", "tfrecord", "index")


def run(kind, path):
    """Reads a file and says how that ended."""
    memory.reset_peak()
    before, start = memory.peak(), time.perf_counter()
    answer = {"outcome": "result", "message": "", "digest": ""}
    try:
        found = repr(READERS[kind](Path(path)))
        answer["digest"] = hashlib.sha256(found.encode()).hexdigest()
    except (ValueError, OSError) as error:
        answer |= {"outcome": "error", "message": str(error)}
        # Where two files contradict each other, the other may be named.
        file = Path(path).parent if kind in PAIRS else path
        if str(file) not in str(error) or not _is_short(str(error)):
            answer |= {"outcome": "wrong", "message": f"names no file: {error}"}
    except BaseException as error:
        answer |= {"outcome": "wrong", "message": f"{type(error).__name__}: {error}"}
    answer["message"] = answer["message"][:2000]
    answer["seconds"] = time.perf_counter() - start
    answer["mib"] = (memory.peak() - before) / memory.MIB
    return answer


def _is_short(message):
    """A sentence or two; a line a problem where a list has several."""
    return all(len(line) < 1500 for line in message.splitlines()[:1000])


def main():
    """Answers until there is no more line."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries write there
    answers.write("ready\n")
    for line in sys.stdin:
        case = json.loads(line)
        answers.write(json.dumps(run(case["kind"], case["path"])) + "\n")


if __name__ == "__main__":
    main()
