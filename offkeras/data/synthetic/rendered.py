"""What all rendered sets share: balanced classes, splits by scene, three datasets."""

import tensorflow as tf

from offkeras.data.order import (
    Stream,
    epoch_positions,
    evaluation_batches,
    mapped,
    train_batches,
    whole_batches,
)
from offkeras.data.pydataset.draws import RENDERED


class Rendered:
    """Base of the sets whose clips are drawn anew from (seed, epoch, index).

    Classes are balanced: the label of clip `index` is `index % len(class_names)`.
    Training, validation and test see different scenes; the clips of the latter two
    are the same in every run. A subclass has `class_names`, `modalities` and makes
    clips (`_clip_function`).

    Args:
        clips_per_epoch: training clips in an epoch; each epoch draws new ones.
        evaluation_clips: clips of the validation and of the test dataset.
    """

    def __init__(self, clips_per_epoch, evaluation_clips):
        self.clips_per_epoch = clips_per_epoch
        self.evaluation_clips = evaluation_clips

    @classmethod
    def open(cls, *, clips_per_epoch=3000, evaluation_clips=800, **options):
        """Opens the set; nothing is read yet.

        Args:
            clips_per_epoch: training clips in an epoch.
            evaluation_clips: clips of the validation and of the test dataset.
            **options: what a subclass takes beside these.

        Raises:
            ValueError: if a number of clips is not a positive multiple of the number
                of classes.
        """
        for name, clips in (
            ("clips_per_epoch", clips_per_epoch),
            ("evaluation_clips", evaluation_clips),
        ):
            if clips < 1 or clips % len(cls.class_names):
                raise ValueError(
                    f"Expected {name} to be a positive multiple of "
                    f"{len(cls.class_names)}, so that the classes are balanced. "
                    f"Received: {clips}."
                )
        return cls(clips_per_epoch, evaluation_clips, **options)

    def __len__(self):
        return self.clips_per_epoch

    def steps_per_epoch(self, batch_size):
        """Whole batches in an epoch of training clips.

        Raises:
            ValueError: if an epoch has fewer clips than one batch.
        """
        return whole_batches(self.clips_per_epoch, batch_size, "clips")

    def train(
        self,
        stream=Stream(),  # noqa: B008  it cannot be changed
        *,
        batch_size,
        modality=None,
        num_segments=4,
        size=96,
        outputs=None,
    ):
        """Training clips.

        Args:
            stream: seed and epochs, see `Stream`.
            batch_size: clips in a batch; an incomplete last batch is dropped.
            modality: one of `modalities`. Default: the first.
            num_segments: segments in a clip, at least two.
            size: height and width of a segment in pixels.
            outputs: names of the model's outputs, such as `model.output`: then every
                batch is `({"frames": frames}, {name: labels, ...})`.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`, frames `(batch_size,
            num_segments, size, size, C)` as of `PreparedVideos`, labels int32.
        """
        clip = self._clip(stream, "train", modality, num_segments, size)
        positions = epoch_positions(
            stream, self.steps_per_epoch(batch_size) * batch_size
        )
        return train_batches(stream, positions, clip, batch_size, outputs=outputs)

    def views(self, count, *, seed=0, modality=None, num_segments=4, size=96):
        """Several training clips of every index, index by index, in order.

        View k of an index is the clip that `train` draws of it in epoch k.

        Args:
            count: views of an index.
            seed: seed of `train`.
            modality: see `train`.
            num_segments: see `train`.
            size: see `train`.

        Returns:
            `tf.data.Dataset` of frames `(count, num_segments, size, size, C)`.
        """
        clip = self._clip(Stream(seed), "train", modality, num_segments, size)
        frames = mapped(
            tf.data.Dataset.range(len(self) * count),
            lambda k: clip(k % count, k // count)[0],
        )
        return frames.batch(count, drop_remainder=True).prefetch(1)

    def evaluate(
        self,
        *,
        batch_size,
        subset="test",
        modality=None,
        num_segments=4,
        size=96,
        outputs=None,
    ):
        """Clips of scenes that are held out, the same in every run.

        Args:
            batch_size: clips in a batch; the last batch may be smaller.
            subset: `"validation"`: scenes of a training video; `"test"`: a video of
                its own.
            modality: see `train`.
            num_segments: see `train`.
            size: see `train`.
            outputs: see `train`.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`, as in `train`.
        """
        if subset not in ("validation", "test"):
            raise ValueError(
                f"Expected subset to be 'validation' or 'test'. Received: {subset!r}."
            )
        clip = self._clip(Stream(), subset, modality, num_segments, size)
        return evaluation_batches(
            self.evaluation_clips,
            lambda index: clip(0, index),
            batch_size,
            outputs=outputs,
        )

    def _clip(self, stream, split, modality, num_segments, size):
        """The function of (epoch, index) that makes a clip, its arguments checked."""
        modality = modality or self.modalities[0]
        if modality not in self.modalities:
            raise ValueError(
                f"Expected modality to be one of {self.modalities}. "
                f"Received: {modality!r}."
            )
        if num_segments < 2:
            raise ValueError(
                "Expected num_segments of at least 2: motion needs two segments. "
                f"Received: {num_segments}."
            )
        if size < 16:
            raise ValueError(f"Expected size of at least 16 pixels. Received: {size}.")

        def key(epoch, index):
            return stream.key(RENDERED[split], epoch, index)

        return self._clip_function(split, key, modality, num_segments, size)
