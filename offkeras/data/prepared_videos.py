"""Prepared videos: labelled clips out of TFRecord shards, without decoding video."""

import dataclasses

import numpy as np
import tensorflow as tf

from offkeras.data import modalities, sampling, storage
from offkeras.data._groups import split_by_group
from offkeras.data._order import batches, shuffled_indices, whole_batches
from offkeras.data.augment import (
    center_crop,
    multi_scale_crop,
    random_flip,
    ten_crops,
)
from offkeras.data.shards import read_images, read_manifest


@dataclasses.dataclass(frozen=True)
class PreparedVideos:
    """Labelled videos in TFRecord shards. Made by `PreparedVideos.open`.

    `python -m training.prepare_videos` writes the shards. A sample reads the bytes
    of its own images only, found through the index beside each shard. So a pipeline
    holds `batch_size * (prefetched batches + 1)` clips, and a clip at the stored size
    for every parallel call, whatever the length of the videos. A clip of 7 segments
    of 340x256 takes 1.7 MiB for RGB, 5.8 for flow, 10.5 for RGB differences; an entry
    of `videos` some hundred bytes.

    Everything random in `train_dataset` is a function of (seed, epoch, index), so
    a run that starts at `initial_epoch=k` sees exactly what an uninterrupted run
    sees from epoch k on.

    Attributes:
        root: the folder of the shards, local or remote, see `storage`.
        class_names: tuple of names; a label is a position in it.
        videos: tuple of `StoredVideo`, in the order of the datasets.
        flow: `"tvl1"` or `"dis"`, or `"none"` where no flow was prepared.
        skipped: tuple of `(name, reason)` for the videos left out.

    Example:

    ```python
    split = data.ucf101(None, "ucfTrainTestlist", split=1)
    train = data.PreparedVideos.open("ucf101_shards", split.train)
    test = data.PreparedVideos.open("ucf101_shards", split.test)
    clips = train.train_dataset(batch_size=128, modality="flow", epochs=10)
    views = test.test_dataset(batch_size=1, modality="flow", crops="ten")
    ```
    """

    root: str
    class_names: tuple
    videos: tuple
    flow: str
    skipped: tuple = ()

    @classmethod
    def open(cls, root, videos=None, *, on_error="raise", verify=False):
        """Finds prepared videos.

        Args:
            root: folder that `training.prepare_videos` has written; also remote,
                such as `s3://bucket/ucf101`, see `storage`.
            videos: entries of a split, such as `ucf101(...).train`; by default all
                prepared videos in the order of their names.
            on_error: `"raise"`, or `"skip"` to leave out videos that are not in the
                shards and list them in `skipped`.
            verify: whether to read every shard and compare its checksum.

        Raises:
            ValueError: if the preparation is unfinished, a shard is missing or has
                another size or checksum, or videos are missing or have another
                label: one error that lists them all.
            OSError: if a remote folder cannot be read, with the reason.
        """
        if on_error not in ("raise", "skip"):
            raise ValueError(
                f"Expected on_error to be 'raise' or 'skip'. Received: {on_error!r}."
            )
        root = storage.connect(root)
        manifest = read_manifest(root, verify=verify)
        chosen, skipped = manifest.choose(videos, on_error=on_error)
        return cls(root, manifest.class_names, chosen, manifest.flow, skipped)

    @property
    def is_remote(self):
        """Whether the shards are read over the network."""
        return storage.is_remote(self.root)

    @property
    def names(self):
        """Names of the videos, in the order of `test_dataset`."""
        return tuple(video.name for video in self.videos)

    @property
    def labels(self):
        """Labels of the videos, in the same order."""
        return tuple(video.label for video in self.videos)

    def __len__(self):
        return len(self.videos)

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
            `(train, validation)`, two `PreparedVideos` with the same classes.

        Raises:
            ValueError: if a class has a single group.
        """
        parts = split_by_group(
            self.videos, self.class_names, validation_fraction, seed=seed
        )
        train, validation = (dataclasses.replace(self, videos=part) for part in parts)
        return train, validation

    def steps_per_epoch(self, batch_size):
        """Whole batches in an epoch.

        Raises:
            ValueError: if there are fewer videos than one batch.
        """
        return whole_batches(len(self), batch_size, "videos")

    def train_dataset(
        self,
        *,
        batch_size,
        modality="rgb",
        num_segments=7,
        total_segments=25,
        size=224,
        scales=(1, 0.875, 0.75, 0.66),
        flip=True,
        scheme="paper",
        seed=0,
        initial_epoch=0,
        epochs=1,
        part=None,
    ):
        """Shuffled, augmented clips of the epochs `initial_epoch`..`epochs - 1`.

        Args:
            batch_size: clips in a batch; each epoch drops its incomplete last one.
            modality: `"rgb"`, `"rgb_diff"` or `"flow"`.
            num_segments: segments in a clip.
            total_segments: segments in a video, see `train_indices`.
            size: height and width of a segment in pixels.
            scales: see `multi_scale_crop`; the paper's networks for flow were
                trained with (1, 0.875, 0.75).
            flip: whether half of the clips are mirrored; the horizontal flow then
                changes its sign.
            scheme: `"paper"` or `"released"` sampling.
            seed: seed of the run, not negative.
            initial_epoch: the first epoch of the stream.
            epochs: end of the stream, as in `fit`.
            part: `(first, end)`: of every batch these samples alone, and no others
                are read. So each of several machines trains on its own. Default:
                whole batches.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`: `(batch_size, num_segments,
            size, size, C)` and int32 `(batch_size,)`. uint8 RGB with C = 3; float16
            differences in -255..255 with C = 15; uint8 flow, x and y in turn, with
            C = 10, where 127.5 is rest and 255/40 is a pixel per frame.
        """
        kind = self._modality(modality)
        fold_in = tf.random.experimental.stateless_fold_in

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
            frames = self._read(choose, epoch, index, num_segments, kind)
            key = fold_in(tf.constant([seed, 0], tf.int64), epoch)
            key = fold_in(key, index)
            frames = multi_scale_crop(
                frames, size=size, scales=scales, seed=fold_in(key, 1)
            )
            if flip:
                frames = random_flip(
                    frames, seed=fold_in(key, 2), flow=modality == "flow"
                )
            return self._finish(frames, modality), self._label(index)

        order = shuffled_indices(
            len(self),
            count=self.steps_per_epoch(batch_size) * batch_size,
            seed=seed,
            initial_epoch=initial_epoch,
            epochs=epochs,
        )
        return batches(
            order,
            clip,
            batch_size,
            drop_remainder=True,
            remote=self.is_remote,
            part=part,
        )

    def test_dataset(
        self,
        *,
        batch_size,
        modality="rgb",
        num_segments=25,
        total_segments=25,
        size=224,
        crops="center",
        scheme="paper",
    ):
        """Every video once, in the order of `names`.

        Ten crops of 25 segments of 224x224 take 36 MiB a video for RGB, 120 MiB for
        flow, 359 MiB for RGB differences.

        Args:
            batch_size: videos in a batch; the last batch may be smaller.
            modality: `"rgb"`, `"rgb_diff"` or `"flow"`.
            num_segments: segments in a clip: the middle ones of `total_segments`,
                with the same interval, for models that take fewer.
            total_segments: segments in a video, see `test_indices`.
            size: height and width of a segment in pixels.
            crops: `"center"`, or `"ten"` for the corners, the centre and their
                mirrors, see `ten_crops`.
            scheme: `"paper"` or `"released"` sampling.

        Returns:
            `tf.data.Dataset` of `(frames, labels)` as in `train_dataset`; with ten
            crops the frames are `(batch_size, 10, num_segments, size, size, C)`.
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
            indices = sampling.test_indices(
                self._length(index, kind),
                total_segments=total_segments,
                frames_per_segment=kind.frames_per_segment,
                scheme=scheme,
            )
            return indices[first : first + num_segments]

        choose(0, 0)  # refuses wrong arguments here, not in the first batch

        def clip(index):
            frames = self._read(choose, 0, index, num_segments, kind)
            if crops == "ten":
                frames = ten_crops(frames, size, flow=modality == "flow")
            else:
                frames = center_crop(frames, size)
            return self._finish(frames, modality), self._label(index)

        return batches(
            tf.data.Dataset.range(len(self)),
            clip,
            batch_size,
            drop_remainder=False,
            remote=self.is_remote,
        )

    def _modality(self, name):
        """The modality, after checking that every video has it."""
        kind = modalities.find(name)
        if name == "flow" and self.flow == "none":
            raise ValueError(
                f"{self.root} holds no optical flow: prepare it with --flow tvl1."
            )
        short = [v.name for v in self.videos if v.num_frames < 2 and name != "rgb"]
        if short:
            raise ValueError(
                f"modality={name!r} needs two frames. {len(short)} videos of "
                f"{self.root} have one: {', '.join(short)}."
            )
        return kind

    def _length(self, index, kind):
        return self.videos[index].num_images(kind.images[0])

    def _label(self, index):
        return tf.constant(self.labels, tf.int32)[index]

    def _finish(self, frames, modality):
        return modalities.differences(frames) if modality == "rgb_diff" else frames

    @tf.autograph.experimental.do_not_convert  # plain Python, called for every clip
    def _read(self, choose, epoch, index, num_segments, kind):
        """Segments `(num_segments, H, W, C)` of video `index` inside a dataset."""

        def read(epoch, index):
            video = self.videos[index]
            chosen = sampling.segment_indices(
                choose(epoch, index),
                length=self._length(index, kind),
                frames_per_segment=kind.frames_per_segment,
            )
            return np.stack(
                [read_images(self.root, video, image, chosen) for image in kind.images],
                axis=-1,
            )

        jpegs = tf.numpy_function(read, [epoch, index], tf.string, stateful=False)
        jpegs = tf.ensure_shape(
            jpegs, [num_segments, kind.frames_per_segment, len(kind.images)]
        )
        return modalities.decode_segments(jpegs, kind)
