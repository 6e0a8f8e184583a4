"""Shards of prepared videos: TFRecords of examples, with an index of every image.

root/
  manifest.json                        what is in the folder; written last
  options.json                         what a killed run goes on with
  videos-00000-of-00008.tfrecord       one SequenceExample a video
  videos-00000-of-00008.index          begin and end of every image: int64 pairs
  videos-00000-of-00008.json           the shard's part of the manifest
"""

import dataclasses
import hashlib
import json
import os

import numpy as np
import tensorflow as tf

from offkeras.data.video_examples import IMAGES, MAX_BYTES

FORMAT = "offkeras videos 1"
MANIFEST, OPTIONS = "manifest.json", "options.json"
PAIR = np.dtype(("<i8", 2))  # begin and end of an image in the shard


@dataclasses.dataclass(frozen=True)
class StoredVideo:
    """A video in a shard.

    Attributes:
        name: of the video, unique in the dataset.
        label: of its class.
        group: videos of one group belong on the same side of a split.
        num_frames: N; there are N - 1 flow fields.
        fps: frames per second.
        shard: name of the shard, without suffix.
        row: of its first image in the shard's index.
    """

    name: str
    label: int
    group: str
    num_frames: int
    fps: float
    shard: str
    row: int

    def num_images(self, image):
        """Stored images of a kind: "rgb", "flow_x" or "flow_y"."""
        return self.num_frames - (image != "rgb")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What is in a prepared folder.

    Attributes:
        root: the folder.
        class_names: tuple of names; a label is a position in it.
        flow: method of the optical flow, or `"none"`.
        videos: dict of name to `StoredVideo`.
        failures: dict of name to the reason why it could not be prepared.
    """

    root: str
    class_names: tuple
    flow: str
    videos: dict
    failures: dict

    def choose(self, entries, *, on_error):
        """The prepared videos of a split.

        Args:
            entries: entries with `name` and `label`; None for all that were
                prepared or should have been.
            on_error: `"raise"` or `"skip"` what is missing.

        Returns:
            `(videos, skipped)`: tuples of `StoredVideo` and of `(name, reason)`.

        Raises:
            ValueError: if videos are missing or have another label: all in one.
        """
        if entries is None:
            names, labels = sorted([*self.videos, *self.failures]), {}
        else:
            names = [entry.name for entry in entries]
            labels = {entry.name: entry.label for entry in entries}
        skipped = tuple(
            (name, self.failures.get(name, "was not prepared."))
            for name in names
            if name not in self.videos
        )
        chosen = tuple(self.videos[name] for name in names if name in self.videos)
        problems = [f"{n}: {reason}" for n, reason in skipped if on_error == "raise"]
        problems += [
            f"{v.name}: prepared with label {v.label}, listed with {labels[v.name]}."
            for v in chosen
            if labels.get(v.name, v.label) != v.label
        ]
        if problems:
            listing = "\n".join(f"  {problem}" for problem in problems)
            raise ValueError(
                f"{len(problems)} of {len(names)} videos do not fit {self.root} "
                f'(on_error="skip" leaves out what is missing):\n{listing}'
            )
        if not chosen:
            raise ValueError(f"{self.root} holds none of the videos.")
        return chosen, skipped


def shard_name(number, count):
    """Name of shard `number` of `count`, without suffix."""
    return f"videos-{number:05}-of-{count:05}"


def read_manifest(root, *, verify=False):
    """Reads the manifest and checks that its shards are whole.

    Args:
        root: the prepared folder.
        verify: whether to read every file and compare its SHA-256, beyond its size.

    Raises:
        ValueError: if the manifest is missing or broken, or shards are missing or
            differ from it: all in one error.
    """
    path = os.path.join(root, MANIFEST)
    if not tf.io.gfile.exists(path):
        raise ValueError(
            f"Expected {MANIFEST} in {root}. Found none: "
            "`python -m training.prepare_videos` writes it when it has finished."
        )
    try:
        with tf.io.gfile.GFile(path) as file:
            content = json.load(file)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT!r}")
        names = tuple(content["class_names"])
        shards = content["shards"]
        videos, failures, problems = {}, {}, []
        for number, shard in enumerate(shards):
            name = shard_name(number, len(shards))
            problems += _file_problems(root, name, shard["files"], verify)
            failures |= shard["failures"]
            for video in shard["videos"]:
                videos[video["name"]] = StoredVideo(**video, shard=name)
        flow = content["options"]["flow"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is not a manifest of videos: {error}.") from error
    if problems:
        raise ValueError("\n".join([f"{len(problems)} broken shard(s):", *problems]))
    return Manifest(root, names, flow, videos, failures)


def _file_problems(root, shard, files, verify):
    """One sentence for each file of a shard that is not as the manifest says."""
    for suffix in ("tfrecord", "index"):
        path = os.path.join(root, f"{shard}.{suffix}")
        expected = files[suffix]
        if not tf.io.gfile.exists(path):
            yield f"{path} is missing."
        elif (size := tf.io.gfile.stat(path).length) != expected["bytes"]:
            yield f"Expected {path} to have {expected['bytes']} bytes. Found: {size}."
        elif verify and sha256(path) != expected["sha256"]:
            yield f"{path} is damaged: its SHA-256 is not the manifest's."


def sha256(path):
    """The SHA-256 of a file, as hexadecimal digits."""
    with tf.io.gfile.GFile(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()


def read_images(root, video, image, positions):
    """Reads chosen images of a video and no other byte of the shard.

    Args:
        root: the prepared folder.
        video: a `StoredVideo`.
        image: `"rgb"`, `"flow_x"` or `"flow_y"`.
        positions: int array `(T, K)`; each row names neighbouring images, which are
            read at once.

    Returns:
        object array `(T, K)` of JPEG bytes.

    Raises:
        ValueError: if the shard or its index ends too early or does not fit.
    """
    first = video.row
    first += sum(video.num_images(kind) for kind in IMAGES[: IMAGES.index(image)])
    path = os.path.join(root, video.shard)
    jpegs = np.empty(positions.shape, object)
    with (
        tf.io.gfile.GFile(f"{path}.index", "rb") as index,
        tf.io.gfile.GFile(f"{path}.tfrecord", "rb") as shard,
    ):
        for segment, run in enumerate(positions):
            low, high = int(run.min()), int(run.max())
            count = high - low + 1
            data = _read_at(index, (first + low) * PAIR.itemsize, count * PAIR.itemsize)
            begin, length, ranges = _span(data, count)
            data = _read_at(shard, begin, length)
            if not 0 < length == len(data):
                raise ValueError(
                    f"{path}.tfrecord does not hold images {low}..{high} of "
                    f"{video.name} where its index says."
                )
            for k, position in enumerate(run):
                start, end = ranges[position - low]
                jpegs[segment, k] = data[start:end]
    return jpegs


def _read_at(file, begin, length):
    """Bytes of a file; fewer where it ends too early."""
    try:
        file.seek(begin)
        return file.read(length)
    except tf.errors.OutOfRangeError:  # would end a dataset without a word
        return b""


def _span(pairs, count):
    """Begin and length of neighbouring images, and their places therein.

    The length is 0 if the bytes of the index cannot be `count` of them.
    """
    if len(pairs) != count * PAIR.itemsize:
        return 0, 0, None
    ranges = np.frombuffer(pairs, "<i8").reshape(-1, 2)
    begin, end = int(ranges[0, 0]), int(ranges[-1, 1])
    if begin < 0 or end - begin > MAX_BYTES or (np.diff(ranges.ravel()) < 0).any():
        return 0, 0, None
    return begin, end - begin, ranges - begin
