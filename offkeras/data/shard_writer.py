"""Writing shards of prepared videos, whole or not at all."""

import contextlib
import dataclasses
import json
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from offkeras.data import storage
from offkeras.data.shards import sha256
from offkeras.data.video import VideoError
from offkeras.data.video_examples import image_ranges, make_example

RECORD_HEADER, RECORD_FOOTER = 12, 4  # bytes around a record of a TFRecord file


class ShardWriter:
    """Writes one shard; its files appear whole or not at all.

    Args:
        folder: the prepared folder. If it is remote, the shard is made on the local
            disk and copied there.
        shard: name of the shard, see `shard_name`.
    """

    def __init__(self, folder, shard):
        self.target = storage.join(folder, shard)
        self.disk = tempfile.TemporaryDirectory() if storage.is_remote(folder) else None
        self.path = Path(self.disk.name if self.disk else folder, shard)
        self.part = Path(f"{self.path}.tfrecord.partial")
        self.records = tf.io.TFRecordWriter(str(self.part))
        self.offset = 0
        self.rows, self.videos, self.failures = [], [], {}

    def add(self, serialized):
        """Appends an example made by `make_example`; returns its frames."""
        example = tf.train.SequenceExample.FromString(serialized)
        ranges = image_ranges(example, serialized)
        crcs = [zlib.crc32(serialized[begin:end]) for begin, end in ranges]
        ranges += self.offset + RECORD_HEADER
        context = example.context.feature
        self.videos.append(
            {
                "name": context["name"].bytes_list.value[0].decode(),
                "label": context["label"].int64_list.value[0],
                "group": context["group"].bytes_list.value[0].decode(),
                "num_frames": context["num_frames"].int64_list.value[0],
                "fps": context["fps"].float_list.value[0],
                "row": sum(len(part) for part in self.rows),
            }
        )
        self.rows.append(np.column_stack([ranges, crcs]))
        self.records.write(serialized)
        self.offset += RECORD_HEADER + len(serialized) + RECORD_FOOTER
        return self.videos[-1]["num_frames"]

    def fail(self, name, reason):
        """Notes a video that cannot be prepared."""
        self.failures[name] = reason

    def commit(self):
        """Brings the shard under its name; its part of the manifest comes last."""
        self.records.close()
        index = np.concatenate([np.empty((0, 3), "<i8"), *self.rows])
        write_atomically(f"{self.path}.index", index.astype("<i8").tobytes())
        with open(self.part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.part, f"{self.path}.tfrecord")
        files = {}
        for suffix in ("tfrecord", "index"):
            path = f"{self.path}.{suffix}"
            files[suffix] = {"bytes": os.path.getsize(path), "sha256": sha256(path)}
            if self.disk:
                storage.put(path, f"{self.target}.{suffix}")
        part = {"files": files, "videos": self.videos, "failures": self.failures}
        write_json(f"{self.target}.json", part)
        if self.disk:
            self.disk.cleanup()


def write_shard(shard, *, folder, options):
    """Prepares the videos of a shard, one after another.

    Args:
        shard: its name and its videos, entries of a dataset.
        folder: the prepared folder.
        options: an `ExampleOptions`.
    """
    name, videos = shard
    writer = ShardWriter(storage.connect(folder), name)
    for video in videos:
        result = try_example(video, options)
        if isinstance(result, bytes):
            writer.add(result)
        else:
            writer.fail(video.name, result)
    writer.commit()


def try_example(video, options):
    """The serialized example of a video, or the reason why there is none."""
    try:
        with storage.local_copy(storage.connect(video.path)) as path:
            try:
                return make_example(dataclasses.replace(video, path=path), options)
            except VideoError as error:
                return error.reason.replace(path, video.name)
    except FileNotFoundError as error:  # of a remote folder
        return str(error)


def finished_shard(folder, shard):
    """A shard's part of the manifest, or None unless it holds every video."""
    path = storage.join(folder, f"{shard}.json")
    if storage.size(path) is None:
        return None
    part = json.loads(storage.read_bytes(path))
    return None if part["failures"] else part


def write_json(path, content):
    """Writes a JSON file; it appears whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def write_atomically(path, data):
    """Writes a file beside its place, brings it to the disk and renames it."""
    if storage.is_remote(path):
        with tempfile.TemporaryDirectory() as disk:
            copy = Path(disk, "copy")
            copy.write_bytes(data)
            storage.put(str(copy), path)
        return
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
