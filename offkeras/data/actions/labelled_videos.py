"""What all sets of labelled videos share: which clips, which crops, which mirrors."""

import dataclasses

import tensorflow as tf

from offkeras import modalities
from offkeras.data import rank_pooling, sampling
from offkeras.data.actions.folder_videos import split_groups
from offkeras.data.augment import (
    center_crop,
    multi_scale_crop,
    random_flip,
    ten_crops,
)
from offkeras.data.order import (
    Stream,
    evaluation_batches,
    mapped,
    shuffled_indices,
    train_batches,
    whole_batches,
)
from offkeras.data.pydataset.draws import CLIPS


class LabelledVideos:
    """Base of `ClassFolder` and `PreparedVideos`.

    A subclass is a dataclass with `root`, `class_names` and `videos`, entries with
    `name`, `label`, `group` and `num_frames`. It says how many images a video has
    (`_length`) and how chosen ones are read (`_segments`).
    """

    is_remote = False

    def __len__(self):
        return len(self.videos)

    @property
    def labels(self):
        """Labels of the videos, in the order of `evaluate`."""
        return tuple(video.label for video in self.videos)

    def split(self, validation_fraction, *, seed=0):
        """Splits each class into training and validation, by group.

        A group is never torn apart: it holds the clips of UCF-101 with the same
        `gNN`, the clips of HMDB-51 cut from the same film, or one video of any
        other dataset.

        Args:
            validation_fraction: share of the groups of each class to hold out,
                between 0 and 1; every class keeps a group on either side.
            seed: integer; the same seed gives the same split.

        Returns:
            `(train, validation)`, two sets of videos with the same classes.

        Raises:
            ValueError: if the fraction is not between 0 and 1, or a class has a single
                group.
        """
        sides = split_groups(self.videos, self.class_names, validation_fraction, seed)
        train, validation = (dataclasses.replace(self, videos=side) for side in sides)
        return train, validation

    def steps_per_epoch(self, batch_size):
        """Whole batches in an epoch.

        Raises:
            ValueError: if there are fewer videos than one batch.
        """
        return whole_batches(len(self), batch_size, "videos")

    def train(
        self,
        stream=Stream(),  # noqa: B008  it cannot be changed
        *,
        batch_size,
        modality="rgb",
        num_segments=7,
        total_segments=25,
        size=224,
        scales=None,
        flip=True,
        scheme="paper",
        outputs=None,
    ):
        """Shuffled, augmented clips.

        Args:
            stream: seed and epochs, see `Stream`.
            batch_size: clips in a batch; each epoch drops its incomplete last one.
            modality: what a segment shows, see `modalities`.
            num_segments: segments in a clip.
            total_segments: segments in a video, see `sampling.train_indices`.
            size: height and width of a segment in pixels.
            scales: see `multi_scale_crop`. Default: those of the modality.
            flip: whether half of the clips are mirrored; horizontal flow then changes
                its sign.
            scheme: `"paper"` or `"released"` sampling.
            outputs: names of the model's outputs, such as `model.output`: then every
                batch is `({"frames": frames}, {name: labels, ...})`.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`: `(batch_size, num_segments,
            size, size, C)` and int32 `(batch_size,)`. uint8 RGB with C = 3; float16
            differences in -255..255 with C = 15; uint8 flow, x and y in turn, with
            C = 10, where 127.5 is rest and 255/40 is a pixel per frame; motion
            vectors in the same way with C = 20; uint8 dynamic images with C = 3, where
            128 is rest.
        """
        clip = self._train_clip(
            stream.seed,
            modality=modality,
            num_segments=num_segments,
            total_segments=total_segments,
            size=size,
            scales=scales,
            flip=flip,
            scheme=scheme,
        )
        count = self.steps_per_epoch(batch_size) * batch_size
        return train_batches(
            stream,
            shuffled_indices(stream, len(self), count),
            clip,
            batch_size,
            remote=self.is_remote,
            outputs=outputs,
        )

    def views(self, count, *, seed=0, **clips):
        """Several training clips of every video, video by video, in order.

        View k of a video is the clip that `train` draws of it in epoch k.

        Args:
            count: views of a video.
            seed: seed of `train`.
            **clips: what a clip is, as in `train`, all of it: `modality`,
                `num_segments`, `total_segments`, `size`, `scales`, `flip`, `scheme`.

        Returns:
            `tf.data.Dataset` of frames `(count, num_segments, size, size, C)`.
        """
        clip = self._train_clip(seed, **clips)
        elements = tf.data.Dataset.range(len(self) * count)
        frames = mapped(
            elements,
            lambda k: clip(k % count, k // count)[0],
            remote=self.is_remote,
        )
        return frames.batch(count, drop_remainder=True).prefetch(1)

    def _train_clip(
        self,
        seed,
        *,
        modality,
        num_segments,
        total_segments,
        size,
        scales,
        flip,
        scheme,
    ):
        """Function of epoch and index to a training clip and its label."""
        kind = self._modality(modality)

        def choose(epoch, index):
            return sampling.train_indices(
                self._length(index, kind),
                num_segments=num_segments,
                total_segments=total_segments,
                frames_per_segment=kind.frames_per_segment,
                seed=seed,
                epoch=int(epoch),
                index=int(index),
                scheme=scheme,
            )

        choose(0, 0)  # refuses wrong arguments here, not in the first batch

        def clip(epoch, index):
            frames = self._segments(choose, epoch, index, num_segments, kind, size)
            key = Stream(seed).key(CLIPS, epoch, index)
            fold_in = tf.random.experimental.stateless_fold_in
            frames = multi_scale_crop(
                frames,
                size=size,
                scales=scales or kind.crop_scales,
                seed=fold_in(key, 1),
            )
            if flip:
                frames = random_flip(frames, seed=fold_in(key, 2), signed=kind.signed)
            return finish(frames, kind), self._label(index)

        return clip

    def evaluate(
        self,
        *,
        batch_size,
        modality="rgb",
        num_segments=25,
        total_segments=25,
        size=224,
        crops="center",
        scheme="paper",
        outputs=None,
    ):
        """Every video once, in order.

        Ten crops of 25 segments of 224x224 take 36 MiB per video for RGB, 120 MiB for
        flow, 359 MiB for RGB differences.

        Args:
            batch_size: videos in a batch; the last batch may be smaller.
            modality: what a segment shows, see `modalities`.
            num_segments: segments in a clip: the middle ones of `total_segments`,
                with the same interval, for models that take fewer.
            total_segments: segments in a video, see `sampling.evaluation_indices`.
            size: height and width of a segment in pixels.
            crops: `"center"`, or `"ten"` for the corners, the centre and their
                mirrors, see `ten_crops`.
            scheme: `"paper"` or `"released"` sampling.
            outputs: see `train`.

        Returns:
            `tf.data.Dataset` of `(frames, labels)` as in `train`; with ten crops the
            frames are `(batch_size, 10, num_segments, size, size, C)`.
        """
        kind = self._modality(modality)
        if not 1 <= num_segments <= total_segments:
            raise ValueError(
                f"Expected num_segments in 1..{total_segments} (total_segments). "
                f"Received: {num_segments}."
            )
        if crops not in ("center", "ten"):
            raise ValueError(
                f"Expected crops to be 'center' or 'ten'. Received: {crops!r}."
            )
        first = (total_segments - num_segments) // 2

        def choose(epoch, index):
            indices = sampling.evaluation_indices(
                self._length(index, kind),
                total_segments=total_segments,
                frames_per_segment=kind.frames_per_segment,
                scheme=scheme,
            )
            return indices[first : first + num_segments]

        choose(0, 0)  # refuses wrong arguments here, not in the first batch

        def clip(index):
            frames = self._segments(choose, 0, index, num_segments, kind, size)
            if crops == "ten":
                frames = ten_crops(frames, size, signed=kind.signed)
            else:
                frames = center_crop(frames, size)
            return finish(frames, kind), self._label(index)

        return evaluation_batches(
            len(self), clip, batch_size, remote=self.is_remote, outputs=outputs
        )

    def _modality(self, name):
        """The modality, after checking that every video has enough frames for it."""
        kind = modalities.find(name)
        short = [video.name for video in self.videos if video.num_frames < 2]
        if short and kind.frames_per_segment > 1:
            raise ValueError(
                f"modality={name!r} needs two frames. {len(short)} videos of "
                f"{self.root} have one: {', '.join(short)}."
            )
        return kind

    def _chosen(self, choose, epoch, index, kind):
        """Numbers of the images of every segment, `(T, frames_per_segment)`."""
        return sampling.segment_indices(
            choose(epoch, index),
            length=self._length(index, kind),
            frames_per_segment=kind.frames_per_segment,
        )

    def _label(self, index):
        return tf.constant(self.labels, tf.int32)[index]


def finish(frames, kind):
    """The channels that a network sees, of the images that are stored.

    Args:
        frames: uint8 `(..., H, W, images)`.
        kind: the `Modality`.

    Returns:
        The frames; or their dynamic image, uint8; or their differences, next minus
        previous, float16 in -255..255, which float16 holds exactly.
    """
    if kind.pooled:
        return rank_pooling.pool(frames, kind.image_channels)
    if not kind.differences:
        return frames
    step = kind.image_channels
    frames = tf.cast(frames, tf.float16)
    return frames[..., step:] - frames[..., :-step]
