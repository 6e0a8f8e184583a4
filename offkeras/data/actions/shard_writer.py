"""Writing shards of prepared videos, whole or not at all."""

import contextlib
import dataclasses
import json
import os
import zlib

import numpy as np
import tensorflow as tf

from offkeras.data.actions.shards import sha256
from offkeras.data.actions.video_examples import image_ranges, make_example
from offkeras.storage import remote as storage
from offkeras.video.reading import VideoError

RECORD_HEADER, RECORD_FOOTER = 12, 4  # bytes around a record of a TFRecord file


class ShardWriter(contextlib.AbstractContextManager):
    """Writes one shard; its files appear whole or not at all.

    Args:
        folder: the prepared folder, local or remote.
        shard: name of the shard, see `shard_name`.
    """

    def __init__(self, folder, shard):
        self.path = storage.join(folder, shard)
        self.files = contextlib.ExitStack()
        whole_file = storage.whole_file(f"{self.path}.tfrecord")
        self.temporary = self.files.enter_context(whole_file)
        self.records = tf.io.TFRecordWriter(str(self.temporary))
        self.offset = 0
        self.rows, self.videos, self.failures = [], [], {}

    def __exit__(self, *error):
        self.records.close()
        self.files.__exit__(*error)

    def add(self, serialized):
        """Appends an example made by `make_example`."""
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
                "row": sum(len(rows) for rows in self.rows),
            }
        )
        self.rows.append(np.column_stack([ranges, crcs]))
        self.records.write(serialized)
        self.offset += RECORD_HEADER + len(serialized) + RECORD_FOOTER

    def fail(self, name, reason):
        """Notes a video that cannot be prepared."""
        self.failures[name] = reason

    def commit(self):
        """Brings the shard under its name; its part of the manifest comes last."""
        self.records.close()
        index = np.concatenate([np.empty((0, 3), "<i8"), *self.rows])
        with storage.whole_file(f"{self.path}.index") as temporary:
            temporary.write_bytes(index.astype("<i8").tobytes())
            files = {"tfrecord": _file(self.temporary), "index": _file(temporary)}
        self.files.close()
        manifest = {"files": files, "videos": self.videos, "failures": self.failures}
        write_json(f"{self.path}.json", manifest)


def write_shard(shard, *, folder, options, examples=None):
    """Prepares the videos of a shard.

    Args:
        shard: its name and its videos, entries of a dataset.
        folder: the prepared folder.
        options: an `ExampleOptions`.
        examples: iterator over what `try_example` returns for these videos, and for
            others after them. Default: each is made when its turn comes.
    """
    name, videos = shard
    if examples is None:
        examples = (try_example(video, options) for video in videos)
    with ShardWriter(storage.connect(folder), name) as writer:
        for video, result in zip(videos, examples, strict=False):
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
    content = json.loads(storage.read_bytes(path))
    return None if content["failures"] else content


def write_json(path, content):
    """Writes a JSON file; it appears whole or not at all."""
    with storage.whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _file(path):
    """What the manifest says of a file."""
    return {"bytes": os.path.getsize(path), "sha256": sha256(path)}
