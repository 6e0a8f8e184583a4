"""Writing shards of prepared videos to a local disk, whole or not at all."""

import contextlib
import json
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from offkeras.data.shards import sha256
from offkeras.data.video_examples import image_ranges

RECORD_HEADER, RECORD_FOOTER = 12, 4  # bytes around a record of a TFRecord file


class ShardWriter:
    """Writes one shard; its files appear whole or not at all.

    Args:
        folder: the prepared folder.
        shard: name of the shard, see `shard_name`.
    """

    def __init__(self, folder, shard):
        self.path = Path(folder, shard)
        self.part = Path(folder, f"{shard}.tfrecord.partial")
        self.records = tf.io.TFRecordWriter(str(self.part))
        self.offset = 0
        self.ranges, self.videos, self.failures = [], [], {}

    def add(self, serialized):
        """Appends an example made by `make_example`; returns its frames."""
        example = tf.train.SequenceExample.FromString(serialized)
        ranges = image_ranges(example, serialized) + self.offset + RECORD_HEADER
        context = example.context.feature
        self.videos.append(
            {
                "name": context["name"].bytes_list.value[0].decode(),
                "label": context["label"].int64_list.value[0],
                "group": context["group"].bytes_list.value[0].decode(),
                "num_frames": context["num_frames"].int64_list.value[0],
                "fps": context["fps"].float_list.value[0],
                "row": sum(len(part) for part in self.ranges),
            }
        )
        self.ranges.append(ranges)
        self.records.write(serialized)
        self.offset += RECORD_HEADER + len(serialized) + RECORD_FOOTER
        return self.videos[-1]["num_frames"]

    def fail(self, name, reason):
        """Notes a video that cannot be prepared."""
        self.failures[name] = reason

    def commit(self):
        """Brings the shard under its name; its part of the manifest comes last."""
        self.records.close()
        index = np.concatenate([np.empty((0, 2), "<i8"), *self.ranges])
        write_atomically(f"{self.path}.index", index.astype("<i8").tobytes())
        with open(self.part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.part, f"{self.path}.tfrecord")
        files = {}
        for suffix in ("tfrecord", "index"):
            path = f"{self.path}.{suffix}"
            files[suffix] = {"bytes": os.path.getsize(path), "sha256": sha256(path)}
        part = {"files": files, "videos": self.videos, "failures": self.failures}
        write_json(f"{self.path}.json", part)


def finished_shard(folder, shard):
    """A shard's part of the manifest, or None unless it holds every video."""
    path = Path(folder, f"{shard}.json")
    if not path.exists():
        return None
    part = json.loads(path.read_text())
    return None if part["failures"] else part


def write_json(path, content):
    """Writes a JSON file; it appears whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def write_atomically(path, data):
    """Writes a file beside its place, brings it to the disk and renames it."""
    part = f"{path}.partial"
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    with contextlib.suppress(OSError):  # a folder cannot be synced everywhere
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
