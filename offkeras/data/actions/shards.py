"""Shards of prepared videos: TFRecords of examples, with an index of every image.

root/
  manifest.json                        what is in the folder; written last
  options.json                         what a killed run goes on with
  videos-00000-of-00008.tfrecord       one SequenceExample a video
  videos-00000-of-00008.index          begin, end and CRC-32 of every image: int64
  videos-00000-of-00008.json           the shard's part of the manifest
"""

import dataclasses
import hashlib
import io
import os
import zlib

import numpy as np
import tensorflow as tf

from offkeras.data.actions.video_examples import MAX_BYTES, stored_images
from offkeras.data.images import open_image
from offkeras.data.parallel import in_threads
from offkeras.storage import limits
from offkeras.storage import remote as storage
from offkeras.video.container import MAX_FRAMES

FORMAT = "offkeras videos 2"
MANIFEST, OPTIONS = "manifest.json", "options.json"
ADDED = {"vectors": "none"}  # options that older folders do not name
SUFFIXES = ("tfrecord", "index")
ROW = np.dtype(("<i8", 3))  # begin and end of an image in the shard, its CRC-32
TYPES = {
    "name": str,
    "label": int,
    "group": str,
    "num_frames": int,
    "fps": float,
    "row": int,
}


@dataclasses.dataclass(frozen=True)
class StoredVideo:
    """A video in a shard.

    Attributes:
        name: of the video, unique in the dataset.
        label: of its class.
        group: videos of one group belong on the same side of a split.
        num_frames: N; there are N - 1 flow fields, and as many of motion vectors.
        fps: frames per second.
        shard: name of the shard, without suffix.
        row: of its first image in the shard's index.
        images: kinds of its images, in their order.
    """

    name: str
    label: int
    group: str
    num_frames: int
    fps: float
    shard: str
    row: int
    images: tuple

    def num_images(self, image):
        """Number of stored images of a kind: "rgb", "flow_x" and so on."""
        return self.num_frames - (image != "rgb")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What is in a prepared folder.

    Attributes:
        root: the folder.
        class_names: tuple of names; a label is a position in it.
        flow: method of the optical flow, or `"none"`.
        vectors: rule of the motion vectors, or `"none"`.
        videos: dict of name to `StoredVideo`.
        failures: dict of name to the reason why it could not be prepared.
    """

    root: str
    class_names: tuple
    flow: str
    vectors: str
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
        OSError: if a remote folder cannot be read.
    """
    path = os.path.join(root, MANIFEST)
    try:
        data = storage.read_bytes(path)
    except FileNotFoundError as error:
        raise ValueError(
            f"Expected {MANIFEST} in {root}. Found none: "
            "`offkeras prepare videos` writes it when it has finished. "
            f"{error}"
        ) from error
    try:
        content = limits.parse_json(path, data)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r:.80}, not {FORMAT!r}")
        names = tuple(content["class_names"])
        shards = content["shards"]
        options = {**ADDED, **content["options"]}
        flow, vectors = options["flow"], options["vectors"]
        images = stored_images(flow, vectors)
        videos, failures, files = {}, {}, []
        for number, shard in enumerate(shards):
            name = shard_name(number, len(shards))
            for suffix in SUFFIXES:
                file = shard["files"][suffix]
                if (type(file["bytes"]), type(file["sha256"])) != (int, str):
                    raise ValueError(f"{name} has no size or checksum")
                files.append((f"{name}.{suffix}", file))
            failures |= shard["failures"]
            for video in shard["videos"]:
                _check_video(video, names)
                videos[video["name"]] = StoredVideo(**video, shard=name, images=images)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is not a manifest of videos: {error}.") from error
    problems = in_threads(
        lambda file: _file_problem(root, *file, verify),
        files,
        workers=storage.PARALLEL_READS,
    )
    problems = [problem for problem in problems if problem]
    if problems:
        raise ValueError("\n".join([f"{len(problems)} broken shard(s):", *problems]))
    return Manifest(root, names, flow, vectors, videos, failures)


def _check_video(video, class_names):
    """Refuses an entry of the manifest that is no video of this dataset."""
    if not isinstance(video, dict) or {k: type(v) for k, v in video.items()} != TYPES:
        raise ValueError(f"expected a video with {list(TYPES)}, got {str(video)[:80]}")
    known = video["label"] in range(len(class_names))
    if not known or video["row"] < 0 or not 0 < video["num_frames"] <= MAX_FRAMES:
        raise ValueError(f"a number is out of its range in {str(video)[:80]}")


def _file_problem(root, name, expected, verify):
    """A sentence if a file of a shard is not as the manifest says."""
    path = os.path.join(root, name)
    size = storage.size(path)
    if size is None:
        return f"{path} is missing."
    if size != expected["bytes"]:
        return f"Expected {path} to have {expected['bytes']} bytes. Found: {size}."
    if verify and sha256(path) != expected["sha256"]:
        return f"{path} is damaged: its SHA-256 is not the manifest's."
    return None


def sha256(path):
    """The SHA-256 of a file, as hexadecimal digits."""
    with storage.clear_errors(path), tf.io.gfile.GFile(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()


def read_images(root, video, image, positions):
    """Reads chosen images of a video and no other byte of the shard.

    Args:
        root: the prepared folder.
        video: a `StoredVideo`.
        image: kind of the images, `"rgb"`, `"flow_x"` and so on.
        positions: int array `(T, K)`; each row names neighbouring images, which are
            read at once.

    Returns:
        object array `(T, K)` of JPEG bytes.

    Raises:
        ValueError: if the shard or its index ends too early or does not fit, or an
            image is damaged.
    """
    first = video.row
    before = video.images[: video.images.index(image)]
    first += sum(map(video.num_images, before))
    path = os.path.join(root, video.shard)
    with (
        storage.clear_errors(path),
        tf.io.gfile.GFile(f"{path}.index", "rb") as index,
        tf.io.gfile.GFile(f"{path}.tfrecord", "rb") as shard,
    ):
        # One read of the index: far away, a read costs more than its bytes.
        lowest, count = int(positions.min()), int(np.ptp(positions)) + 1
        rows = _read_at(index, (first + lowest) * ROW.itemsize, count * ROW.itemsize)
        return np.array(
            [_read_run(shard, rows, lowest, run, video, path) for run in positions],
            object,
        )


def _read_run(shard, rows, lowest, run, video, path):
    """Neighbouring images of a shard, given the rows of the index from `lowest` on."""
    low, high = int(run.min()), int(run.max())
    rows = rows[(low - lowest) * ROW.itemsize : (high - lowest + 1) * ROW.itemsize]
    begin, length, rows = _span(rows, high - low + 1)
    data = _read_at(shard, begin, length)
    if not 0 < length == len(data):
        raise ValueError(
            f"{path}.tfrecord does not hold images {low}..{high} of {video.name} "
            "where its index says."
        )
    jpegs = []
    for start, end, crc in rows[run - low]:
        jpeg = data[start - begin : end - begin]
        if zlib.crc32(jpeg) != crc or not _is_jpeg(jpeg):
            raise ValueError(
                f"{path}.tfrecord is damaged: an image of {video.name} is not the JPEG "
                "that was stored."
            )
        jpegs.append(jpeg)
    return jpegs


def _is_jpeg(data):
    """Whether bytes begin as a JPEG image that is not too large."""
    try:
        with open_image(io.BytesIO(data), "JPEG"):
            return True
    except ValueError:
        return False


def _read_at(file, begin, length):
    """Bytes of a file; fewer where it ends too early."""
    try:
        file.seek(begin)
        return file.read(length)
    except tf.errors.OutOfRangeError:  # would end a dataset without a word
        return b""


def _span(data, count):
    """Begin and length of neighbouring images, and their rows of the index.

    The length is 0 if the bytes of the index cannot be `count` of them.
    """
    if len(data) != count * ROW.itemsize:
        return 0, 0, None
    rows = np.frombuffer(data, "<i8").reshape(-1, 3)
    begin, end = int(rows[0, 0]), int(rows[-1, 1])
    falls = (np.diff(rows[:, :2].ravel()) < 0).any()
    if begin < 0 or end - begin > MAX_BYTES or falls:
        return 0, 0, None
    return begin, end - begin, rows
