"""A folder per class of videos: `root/<class>/<video>`."""

import concurrent.futures
import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from offkeras.data import sampling
from offkeras.data._order import batches, shuffled_indices, whole_batches
from offkeras.data.augment import (
    EVALUATION_SCALE,
    center_crop,
    multi_scale_crop,
    random_flip,
)
from offkeras.data.video import VideoError, probe, read_frames

SUFFIXES = (".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg")


@dataclasses.dataclass(frozen=True)
class ClassFolder:
    """Labelled videos, one folder per class. Made by `ClassFolder.scan`.

    Everything random in `train_dataset` is a function of (seed, epoch, index), so
    a run that starts at `initial_epoch=k` sees exactly what an uninterrupted run
    sees from epoch k on.

    Attributes:
        root: the folder that holds the class folders.
        class_names: tuple of names; a label is a position in it.
        paths: tuple of video files.
        labels: tuple of integers, one per path.
        num_frames: tuple of frame counts, one per path.
        skipped: tuple of `(path, reason)` for the files left out.

    Example:

    ```python
    videos = ClassFolder.scan("my_videos")
    train, validation = videos.split(0.2)
    model.fit(
        train.train_dataset(batch_size=16, epochs=10),
        steps_per_epoch=train.steps_per_epoch(16),
        epochs=10,
        validation_data=validation.test_dataset(batch_size=16, num_segments=7),
    )
    ```
    """

    root: str
    class_names: tuple
    paths: tuple
    labels: tuple
    num_frames: tuple
    skipped: tuple = ()

    @classmethod
    def scan(cls, root, *, class_names=None, on_error="raise"):
        """Finds the videos under `root` and checks every one of them.

        Args:
            root: folder of class folders. Videos end in .mp4, .avi, .mkv, .webm or
                .mov, in any case; hidden files and other files are passed over.
            class_names: names in the order of the labels, for instance those a
                model was trained with; by default the sorted folder names. A class
                may have no folder.
            on_error: `"raise"`, or `"skip"` to leave unreadable videos out and
                list them in `skipped`.

        Raises:
            ValueError: if the layout is wrong, or videos are unreadable: one error
                that lists them all.
        """
        if on_error not in ("raise", "skip"):
            raise ValueError(
                f"Expected on_error to be 'raise' or 'skip'. Received: {on_error!r}."
            )
        root = pathlib.Path(root)
        folders = class_folders(root, class_names)
        class_names = tuple(class_names or (folder.name for folder in folders))
        files = [
            (path, folder.name) for folder in folders for path in find_videos(folder)
        ]

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            results = list(threads.map(_probe, [path for path, _ in files]))
        results = [(*file, r) for file, r in zip(files, results, strict=True)]
        good = [row for row in results if isinstance(row[2], int)]
        skipped = tuple(
            (str(path), error.reason)
            for path, _, error in results
            if isinstance(error, VideoError)
        )
        if skipped and on_error == "raise":
            listing = "\n".join(f"  {path}: {reason}" for path, reason in skipped)
            raise ValueError(
                f"{len(skipped)} of {len(files)} videos in {root} cannot be read "
                f'(on_error="skip" leaves them out):\n{listing}'
            )
        for folder in folders:
            if folder.name not in {name for _, name, _ in good}:
                raise ValueError(f"No video of class folder {folder} can be read.")
        return cls(
            root=str(root),
            class_names=class_names,
            paths=tuple(str(path) for path, _, _ in good),
            labels=tuple(class_names.index(name) for _, name, _ in good),
            num_frames=tuple(count for _, _, count in good),
            skipped=skipped,
        )

    def __len__(self):
        return len(self.paths)

    def split(self, validation_fraction, *, seed=0):
        """Splits the files of each class into training and validation.

        Args:
            validation_fraction: share of each class to hold out, between 0 and 1;
                every class keeps at least one file on either side.
            seed: integer; the same seed gives the same split.

        Returns:
            `(train, validation)`, two `ClassFolder`s with the same classes.

        Raises:
            ValueError: if a class has a single file.
        """
        if not 0 < validation_fraction < 1:
            raise ValueError(
                "Expected validation_fraction between 0 and 1. "
                f"Received: {validation_fraction}."
            )
        labels = np.array(self.labels)
        held_out = []
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            if len(members) < 2:
                raise ValueError(
                    f"Class {self.class_names[label]!r} has one video, "
                    f"{self.paths[members[0]]}; a split needs at least two."
                )
            count = round(len(members) * validation_fraction)
            count = min(max(count, 1), len(members) - 1)
            rng = np.random.Generator(np.random.Philox(key=[seed, label]))
            held_out.extend(rng.permutation(members)[:count])
        kept = np.setdiff1d(np.arange(len(self)), held_out)
        return self._take(kept), self._take(sorted(held_out))

    def _take(self, indices):
        fields = ("paths", "labels", "num_frames")
        chosen = {f: tuple(getattr(self, f)[i] for i in indices) for f in fields}
        return dataclasses.replace(self, **chosen)

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
            num_segments: segments in a clip.
            total_segments: segments in a video, see `train_indices`.
            size: height and width of a segment in pixels. Frames are scaled to
                256 / 224 of it, shorter side, before cropping.
            scales: see `multi_scale_crop`.
            flip: whether half of the clips are mirrored.
            scheme: `"paper"` or `"released"` sampling.
            seed: seed of the run, not negative.
            initial_epoch: the first epoch of the stream.
            epochs: end of the stream, as in `fit`.
            part: `(first, end)`: of every batch these samples alone, and no others
                are read. So each of several machines trains on its own. Default:
                whole batches.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`: uint8 RGB
            `(batch_size, num_segments, size, size, 3)` and int32 `(batch_size,)`.
        """
        fold_in = tf.random.experimental.stateless_fold_in

        def choose(epoch, index):
            return sampling.train_indices(
                self.num_frames[index],
                num_segments=num_segments,
                total_segments=total_segments,
                seed=seed,
                epoch=int(epoch),
                index=int(index),
                scheme=scheme,
            )

        choose(0, 0)  # refuses wrong arguments here, not in the first batch

        def clip(epoch, index):
            frames = self._read(choose, epoch, index, num_segments, size)
            key = fold_in(tf.constant([seed, 0], tf.int64), epoch)
            key = fold_in(key, index)
            frames = multi_scale_crop(
                frames, size=size, scales=scales, seed=fold_in(key, 1)
            )
            if flip:
                frames = random_flip(frames, seed=fold_in(key, 2))
            return frames, tf.constant(self.labels, tf.int32)[index]

        order = shuffled_indices(
            len(self),
            count=self.steps_per_epoch(batch_size) * batch_size,
            seed=seed,
            initial_epoch=initial_epoch,
            epochs=epochs,
        )
        return batches(order, clip, batch_size, drop_remainder=True, part=part)

    def test_dataset(
        self,
        *,
        batch_size,
        num_segments=25,
        total_segments=25,
        size=224,
        scheme="paper",
    ):
        """Every video once, in order, centre crop.

        Args:
            batch_size: clips in a batch; the last batch may be smaller.
            num_segments: segments in a clip: the middle ones of `total_segments`,
                with the same interval, for models that take fewer.
            total_segments: segments in a video, see `test_indices`.
            size: height and width of a segment in pixels.
            scheme: `"paper"` or `"released"` sampling.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`, as in `train_dataset`.
        """
        if not 1 <= num_segments <= total_segments:
            raise ValueError(
                f"Expected num_segments in 1..{total_segments} (total_segments). "
                f"Received: {num_segments}."
            )
        first = (total_segments - num_segments) // 2

        def choose(epoch, index):
            indices = sampling.test_indices(
                self.num_frames[index], total_segments=total_segments, scheme=scheme
            )
            return indices[first : first + num_segments]

        choose(0, 0)  # refuses wrong arguments here, not in the first batch

        def clip(index):
            frames = self._read(choose, 0, index, num_segments, size)
            return center_crop(frames, size), tf.constant(self.labels, tf.int32)[index]

        return batches(
            tf.data.Dataset.range(len(self)), clip, batch_size, drop_remainder=False
        )

    def _read(self, choose, epoch, index, num_segments, size):
        """Frames `(num_segments, H, W, 3)` of video `index` inside a dataset."""
        shorter = round(size * EVALUATION_SCALE)

        def read(epoch, index):
            return read_frames(self.paths[index], choose(epoch, index), size=shorter)

        frames = tf.numpy_function(read, [epoch, index], tf.uint8, stateful=False)
        return tf.ensure_shape(frames, [num_segments, None, None, 3])


def _probe(path):
    """Number of frames of a video, or the error."""
    try:
        return probe(path).num_frames
    except VideoError as error:
        return error


def class_folders(root, class_names=None):
    """The class folders under `root`, sorted, after checking the layout."""
    if not root.is_dir():
        raise ValueError(
            f"Expected a folder of class folders. Received: {root}, which is none."
        )
    strays = find_videos(root)
    if strays:
        raise ValueError(
            f"Expected videos in one folder per class. {root} itself holds "
            f"{len(strays)}, among them {strays[0].name}."
        )
    folders = sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    if not folders:
        raise ValueError(f"Expected a folder per class in {root}. Found none.")
    for folder in folders:
        if class_names is not None and folder.name not in class_names:
            raise ValueError(
                f"Class folder {folder} is not among the class_names "
                f"{tuple(class_names)}."
            )
        inner = [p for p in folder.iterdir() if p.is_dir()]
        if inner:
            raise ValueError(
                f"Expected only files in class folder {folder}. It holds the folder "
                f"{inner[0].name}, whose videos would be lost."
            )
        if not find_videos(folder):
            raise ValueError(
                f"Class folder {folder} holds no video ({', '.join(SUFFIXES)})."
            )
    return folders


def find_videos(folder):
    """The videos of a folder, sorted by name."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file()
    )
