"""Training and evaluation on septuplets: degraded frames and their clean target."""

import functools
import itertools

import numpy as np
import tensorflow as tf

from offkeras.data.order import (
    Stream,
    evaluation_batches,
    shuffled_indices,
    train_batches,
    whole_batches,
)
from offkeras.data.pydataset.draws import CROPS
from offkeras.data.restoration.septuplet_files import (
    CLEAN,
    LENGTH,
    MIDDLE,
    check_size,
    find_problems,
    frame_path,
    read_list,
    read_png,
)
from offkeras.storage import remote as storage


class Septuplets:
    """Pairs of degraded frames and the clean target frame, made by `Septuplets.open`.

    Example:

    ```python
    clips = Septuplets.open("vimeo_septuplet", degraded="jpeg2000_q40")
    train = clips.train(Stream(epochs=50), batch_size=28)
    ```
    """

    def __init__(self, root, *, num_frames, samples, in_memory):
        self.root, self.num_frames = root, num_frames
        self.samples = samples  # (degraded copy, clip, number of the target frame)
        self._read = functools.cache(read_png) if in_memory else read_png

    @classmethod
    def open(
        cls,
        root,
        *,
        degraded,
        split="train",
        num_frames=3,
        targets=(MIDDLE,),
        size=None,
        in_memory=False,
    ):
        """Finds the clips of a list and checks their files.

        Args:
            root: folder of the dataset; also a remote one that can be listed, see
                `storage`.
            degraded: name of the degraded copy, such as `"jpeg2000_q40"`, or a sequence
                of names: each frame is then a sample in each copy.
            split: name of the list, see `read_list`, or a sequence of names.
            num_frames: 3 reads frames t-1, t, t+1; 2 reads t-1, t; 1 reads t.
            targets: numbers of the frames t, counted from 1. The benchmark has the
                4th only; (2, 3, 4, 5, 6) uses all that have two neighbours.
            size: `(height, width)` that every frame must have, such as
                `septuplet_files.VIMEO_SIZE`. Default: each clip has a size of its own.
            in_memory: keeps every decoded frame, for small sets.

        Raises:
            ValueError: if an argument is outside the values above or a file is
                missing, cut off or of the wrong size; the first few are named.
        """
        if num_frames not in (1, 2, 3):
            raise ValueError(f"`num_frames` must be 1, 2 or 3. Received: {num_frames}.")
        if not targets or not all(2 <= target < LENGTH for target in targets):
            raise ValueError(
                f"`targets` must be among 2..{LENGTH - 1}, the frames between two "
                f"neighbours. Received: {targets}."
            )
        root = storage.connect(root)
        clips = [clip for name in _names(split) for clip in read_list(root, name)]
        inputs = {number for t in targets for number in _inputs(t, num_frames)}
        problems = find_problems(root, clips, frames=sorted(targets), size=size)
        for folder in _names(degraded):
            problems += find_problems(
                root, clips, folder=folder, frames=sorted(inputs), size=size
            )
        if problems:
            raise ValueError(
                f"{len(problems)} problem(s) in {root}: {' '.join(problems[:5])}"
            )
        return cls(
            root,
            num_frames=num_frames,
            samples=list(itertools.product(_names(degraded), clips, targets)),
            in_memory=in_memory,
        )

    def __len__(self):
        return len(self.samples)

    def steps_per_epoch(self, batch_size, *, crops_per_frame=1):
        """Whole batches in an epoch.

        Raises:
            ValueError: if an epoch has fewer samples than one batch.
        """
        samples = len(self) * crops_per_frame
        return whole_batches(samples, batch_size, "samples")

    def train(
        self,
        stream=Stream(),  # noqa: B008  it cannot be changed
        *,
        batch_size,
        crop=None,
        crops_per_frame=1,
        augment=False,
        outputs=None,
    ):
        """Shuffled samples.

        Args:
            stream: seed and epochs, see `Stream`.
            batch_size: samples in a batch; an incomplete last batch is dropped.
            crop: height and width of a random crop. Default: whole frames,
                which must then have one size.
            crops_per_frame: how often an epoch visits every target frame.
            augment: whether samples are mirrored, turned by quarters and, of 3
                frames, reversed in time, each as often as not; needs `crop`.
            outputs: names of the model's outputs, `("restored",)`: then every batch
                is `({"frames": frames}, {"restored": target})`.

        Returns:
            `tf.data.Dataset` of `(frames, target)`: uint8 RGB `(batch_size,
            num_frames, height, width, 3)` and `(batch_size, height, width, 3)`.
        """
        if augment and not crop:
            raise ValueError(
                "Expected `crop` with `augment`: only squares turn by quarters. "
                f"Received: crop={crop}."
            )
        fold_in = tf.random.experimental.stateless_fold_in
        size = len(self) * crops_per_frame

        def sample(epoch, index):
            key = stream.key(CROPS, epoch, index)
            corner = tf.random.stateless_uniform([2], key, dtype=tf.float64)
            frames, target = self._load(index % len(self), corner, crop)
            return (
                symmetric(frames, target, fold_in(key, 1))
                if augment
                else (frames, target)
            )

        steps = self.steps_per_epoch(batch_size, crops_per_frame=crops_per_frame)
        return train_batches(
            stream,
            shuffled_indices(stream, size, steps * batch_size),
            sample,
            batch_size,
            remote=storage.is_remote(self.root),
            outputs=outputs,
        )

    def evaluate(self, *, batch_size=1, outputs=None):
        """All samples in order, whole frames.

        Args:
            batch_size: samples in a batch, more than one only if all frames
                have one size; the last batch may be smaller.
            outputs: see `train`.

        Returns:
            `tf.data.Dataset` of `(frames, target)`, as in `train`.
        """
        return evaluation_batches(
            len(self),
            lambda index: self._load(index, tf.zeros([2], tf.float64), None),
            batch_size,
            remote=storage.is_remote(self.root),
            outputs=outputs,
        )

    def _load(self, index, corner, crop):
        """One sample, cropped at `corner`, a fraction of the room in y and x."""
        frames, target = tf.numpy_function(
            functools.partial(self._load_numpy, crop=crop),
            [index, corner],
            [tf.uint8, tf.uint8],
            stateful=False,
        )
        return (
            tf.ensure_shape(frames, (self.num_frames, crop, crop, 3)),
            tf.ensure_shape(target, (crop, crop, 3)),
        )

    def _load_numpy(self, index, corner, *, crop):
        degraded, clip, target = self.samples[index]
        paths = [
            frame_path(self.root, degraded, clip, number)
            for number in _inputs(target, self.num_frames)
        ]
        paths.append(frame_path(self.root, CLEAN, clip, target))
        images = [self._read(path) for path in paths]
        size = images[0].shape[:2]
        for path, image in zip(paths, images, strict=True):
            check_size(path, image.shape[:2], size)
        if crop:
            if min(size) < crop:
                raise ValueError(
                    f"Expected {paths[0]} to hold a crop of {crop} pixels. "
                    f"Received: {size[1]}x{size[0]}."
                )
            top, left = (corner * (np.array(size) - crop + 1)).astype(int)
            images = [image[top : top + crop, left : left + crop] for image in images]
        return np.stack(images[:-1]), images[-1]


def _names(value):
    """One name or several as a list."""
    return [value] if isinstance(value, str) else list(value)


def _inputs(target, num_frames):
    """Numbers of the frames that restore frame `target`."""
    return range(target - num_frames // 2, target + (num_frames + 1) // 2)


def symmetric(frames, target, seed):
    """A sample as one of the symmetries of a square, and in either direction of time.

    Args:
        frames: `(3, size, size, C)`, or another number of frames, which keep their
            order.
        target: `(size, size, C)`.
        seed: of `tf.random.stateless_uniform`.

    Returns:
        The frames and the target.
    """
    mirrored, flipped, transposed, reversed_ = tf.unstack(
        tf.random.stateless_uniform([4], seed) < 0.5
    )
    images = tf.concat([frames, target[None]], axis=0)  # (num_frames + 1, H, W, C)
    images = tf.where(mirrored, tf.reverse(images, [2]), images)
    images = tf.where(flipped, tf.reverse(images, [1]), images)
    images = tf.where(transposed, tf.transpose(images, [0, 2, 1, 3]), images)
    frames, target = images[:-1], images[-1]
    if frames.shape[0] == 3:
        frames = tf.where(reversed_, tf.reverse(frames, [0]), frames)
    return frames, target
