"""Annotated frames of videos, and the samples that detectors train on.

Where frames and annotations come from, `vid` and `coco_vid` know. Boxes are float32
x1, y1, x2, y2 in pixels, right and lower edges exclusive.
"""

import collections.abc
import dataclasses
import functools

import numpy as np
import tensorflow as tf

from offkeras.data.detection.images import read_image
from offkeras.data.detection.transforms import random_flip, resize, resized_size
from offkeras.data.order import (
    Stream,
    mapped,
    shuffled_indices,
    slice_batches,
    whole_batches,
)
from offkeras.data.pydataset.draws import REFERENCES
from offkeras.storage import remote as storage


@dataclasses.dataclass(frozen=True, eq=False)
class Video:
    """A video as image files. A still is a video of one frame.

    Attributes:
        name: name of the video, unlike all others.
        images: paths of its frames in order.
    """

    name: str
    images: collections.abc.Sequence


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotatedFrame:
    """A frame and its objects, in pixels of the image file.

    Attributes:
        video: the `Video`.
        position: number of the frame in the video, from 0.
        size: `(height, width)`.
        boxes: float32 `(objects, 4)`.
        classes: int32 `(objects,)`, from 0.
        tracks: int64 `(objects,)`, see `vid_annotation.Annotation`.
    """

    video: Video
    position: int
    size: tuple
    boxes: np.ndarray
    classes: np.ndarray
    tracks: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionVideos:
    """Annotated frames. Made by `load_imagenet_vid` or `load_coco_vid`.

    A sample is a key frame after its references: the frames of its video at
    `offsets` from it. Where the video has no frame there, the key frame is its own
    reference: so are first frames and stills, which show no motion.

    Attributes:
        class_names: tuple of names; a class is a position in it.
        frames: tuple of `AnnotatedFrame`s.
        skipped: tuple of one sentence for each problem that was left out.

    Example:

    ```python
    data = load_imagenet_vid("ILSVRC2015", ["VID_train_15frames"])
    train = data.train(Stream(epochs=4), batch_size=4)
    ```
    """

    class_names: tuple
    frames: tuple
    skipped: tuple = ()

    def __len__(self):
        return len(self.frames)

    def steps_per_epoch(self, batch_size):
        """Whole batches in an epoch.

        Raises:
            ValueError: if there are fewer frames than one batch.
        """
        return whole_batches(len(self), batch_size, "key frames")

    def train(
        self,
        stream=Stream(),  # noqa: B008  it cannot be changed
        *,
        batch_size,
        short_side=600,
        long_side=1000,
        offsets=(-1,),
        jitter=0,
        flip=True,
        max_objects=None,
        in_memory=False,
    ):
        """Shuffled samples.

        Args:
            stream: seed and epochs, see `Stream`.
            batch_size: samples in a batch; each epoch drops its incomplete last
                one. Smaller samples are padded with zeros at the right and bottom
                to the largest of their batch.
            short_side: see `resized_size`.
            long_side: see `resized_size`.
            offsets: frames from the key frame to each reference; -1 is the frame
                before it. With none, a sample is the key frame alone.
            jitter: every offset is shifted by a random number of frames, at most
                this many either way.
            flip: whether half of the samples are mirrored.
            max_objects: boxes in a sample. Default: the most that a frame has.
            in_memory: keeps every decoded frame, for small sets.

        Returns:
            `tf.data.Dataset` of dicts: `frames` uint8 `(batch_size, T, H, W, 3)`,
            references first, the key frame last; `boxes` float32
            `(batch_size, max_objects, 4)` in pixels of these frames, padded with 0;
            `classes` int32 `(batch_size, max_objects)`, padded with -1. Height and
            width are static where all samples have one size.

        Raises:
            ValueError: if a frame has more objects than `max_objects`.
        """
        if jitter < 0:
            raise ValueError(f"Expected jitter not to be negative. Received: {jitter}.")
        offsets = tf.constant(offsets, tf.int32)
        fold_in = tf.random.experimental.stateless_fold_in
        sizes = self._sizes(short_side, long_side)
        read = functools.cache(read_image) if in_memory else read_image

        def add_largest(epoch, index):
            size = tf.reduce_max(tf.gather(sizes, index), axis=0)
            return epoch, index, tf.tile(size[None], [batch_size, 1])

        def sample(epoch, index, largest):
            key = stream.key(REFERENCES, epoch, index)
            shifts = tf.random.stateless_uniform(
                tf.shape(offsets), fold_in(key, 1), -jitter, jitter + 1, tf.int32
            )
            frames, boxes, classes = self._read(index, offsets + shifts, sizes, read)
            if flip:
                frames, boxes = random_flip(frames, boxes, seed=fold_in(key, 2))
            frames = tf.image.pad_to_bounding_box(frames, 0, 0, largest[0], largest[1])
            return {"frames": frames, "boxes": boxes, "classes": classes}

        count = self.steps_per_epoch(batch_size) * batch_size
        order = shuffled_indices(stream, len(self), count)
        order = order.batch(batch_size, drop_remainder=True).map(add_largest).unbatch()
        order, batch_size = slice_batches(order, batch_size, stream.worker_slice)
        shapes = self._shapes(offsets.shape[0] + 1, sizes, max_objects)
        remote = self._is_remote()
        return _batches(
            order, sample, batch_size, shapes, drop_remainder=True, remote=remote
        )

    def evaluate(
        self,
        *,
        batch_size=1,
        short_side=600,
        long_side=1000,
        offsets=(-1,),
        max_objects=None,
    ):
        """Every frame once, in order, with its references.

        Takes the arguments of `train`; the last batch may be smaller.

        Returns:
            `tf.data.Dataset` of dicts: those of `train`, and `index` int64
            `(batch,)`, the position in `frames`, and `scale` float32 `(batch, 4)`:
            boxes divided by it are in pixels of the image file.
        """
        offsets = tf.constant(offsets, tf.int32)
        sizes = self._sizes(short_side, long_side)
        scales = np.tile((sizes / self._file_sizes())[:, ::-1], 2).astype(np.float32)

        def sample(index):
            frames, boxes, classes = self._read(index, offsets, sizes, read_image)
            return {
                "frames": frames,
                "boxes": boxes,
                "classes": classes,
                "index": index,
                "scale": tf.gather(scales, index),
            }

        shapes = self._shapes(offsets.shape[0] + 1, sizes, max_objects)
        shapes.update(index=[], scale=[4])
        order = tf.data.Dataset.range(len(self))
        remote = self._is_remote()
        return _batches(
            order, sample, batch_size, shapes, drop_remainder=False, remote=remote
        )

    def _is_remote(self):
        return storage.is_remote(self.frames[0].video.images[0])

    def _file_sizes(self):
        return np.array([frame.size for frame in self.frames], np.int32)

    def _sizes(self, short_side, long_side):
        """Height and width of every sample, int32 `(frames, 2)`."""
        if not 1 <= short_side <= long_side:
            raise ValueError(
                "Expected 1 <= short_side <= long_side. "
                f"Received: short_side={short_side}, long_side={long_side}."
            )
        sides = {"short_side": short_side, "long_side": long_side}
        return np.array([resized_size(f.size, **sides) for f in self.frames], np.int32)

    def _shapes(self, num_frames, sizes, max_objects):
        """Shapes of a sample after padding, for `padded_batch`."""
        counts = [len(frame.classes) for frame in self.frames]
        if max_objects is None:
            max_objects = max(max(counts), 1)
        crowded = [
            f"{frame.video.images[frame.position]} has {count}"
            for frame, count in zip(self.frames, counts, strict=True)
            if count > max_objects
        ]
        if crowded:
            raise ValueError(
                f"Expected at most max_objects={max_objects} objects in a frame. "
                f"{len(crowded)} have more: {', '.join(crowded[:5])}."
            )
        same = (sizes == sizes[0]).all()
        size = sizes[0].tolist() if same else [None, None]
        return {
            "frames": [num_frames, *size, 3],
            "boxes": [max_objects, 4],
            "classes": [max_objects],
        }

    def _read(self, index, offsets, sizes, read):
        """Frames `(T, H, W, 3)`, boxes and classes of sample `index`, resized."""
        frames, boxes, classes = tf.numpy_function(
            functools.partial(self._read_numpy, read=read),
            [index, offsets],
            [tf.uint8, tf.float32, tf.int32],
            stateful=False,
        )
        frames = tf.ensure_shape(frames, [offsets.shape[0] + 1, None, None, 3])
        boxes = tf.ensure_shape(boxes, [None, 4])
        if not np.array_equal(sizes, self._file_sizes()):
            frames, boxes = resize(frames, boxes, tf.gather(sizes, index))
        return frames, boxes, tf.ensure_shape(classes, [None])

    def _read_numpy(self, index, offsets, *, read):
        key = self.frames[index]
        images = key.video.images
        positions = key.position + np.append(offsets, 0)
        inside = (positions >= 0) & (positions < len(images))
        positions = np.where(inside, positions, key.position).tolist()
        decoded = {p: read(images[p], key.size) for p in set(positions)}
        return np.stack([decoded[p] for p in positions]), key.boxes, key.classes


def _batches(stream, sample, batch_size, shapes, *, drop_remainder, remote):
    """Maps a stream through `sample` in parallel, in order, pads and batches."""
    samples = mapped(stream, sample, remote=remote)
    padding = {
        "frames": np.uint8(0),
        "boxes": np.float32(0),
        "classes": np.int32(-1),
        "index": np.int64(0),
        "scale": np.float32(0),
    }
    return samples.padded_batch(
        batch_size,
        padded_shapes=shapes,
        padding_values={name: padding[name] for name in shapes},
        drop_remainder=drop_remainder,
    ).prefetch(tf.data.AUTOTUNE)
