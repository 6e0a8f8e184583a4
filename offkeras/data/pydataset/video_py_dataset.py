"""A folder per class of videos as a `keras.utils.PyDataset`, for any backend."""

import random

import keras
import numpy as np

from offkeras import modalities
from offkeras.data import sampling
from offkeras.data.actions.folder_videos import (
    SUBSETS,
    check_classes,
    check_options,
    find_labelled,
    print_found,
    split_groups,
)
from offkeras.data.pydataset import draws
from offkeras.data.pydataset.crops import (
    center_crop,
    evaluation_size,
    multi_scale_crop,
)
from offkeras.video import read_frames

MOST_SEED = 2**31 - 1
SCALES = modalities.find("rgb").crop_scales


class VideoPyDataset(keras.utils.PyDataset):
    """Clips and labels from videos in class folders, without TensorFlow.

    The same batches as `video_dataset_from_directory` for the same arguments and
    seed, to the bit, with Keras on JAX and on PyTorch as well.

    Args:
        directory: the folder that holds a folder per class.
        labels: `"inferred"` from the folders, or None: no labels.
        label_mode: `"int"`; `"categorical"` for one-hot vectors; `"binary"` for 0 and
            1 as floats, of two classes; None: no labels.
        class_names: names of the folders in the order of the labels. Default: sorted.
        batch_size: clips in a batch. Where there are fewer videos, all of them.
        image_size: `(height, width)` of the frames, which are square.
        shuffle: whether clips come in a new order in every epoch, from a random
            stretch of each video, cropped at random scale and place. Else they come in
            the order of the files, from the middle of each. `fit(shuffle=True)`, its
            default, shuffles the batches once more.
        seed: of order, stretch, crops and split: the k-th epoch depends on it and on k
            alone. Default: a random one.
        validation_split: share of the videos of each class to hold out.
        subset: `"training"` or `"validation"`, which is not shuffled.
        num_segments: frames of a clip.
        total_segments: a clip is `num_segments` of so many evenly spaced frames of its
            video (section 4.2.3).
        on_error: `"raise"`, or `"skip"` unreadable videos.
        verbose: whether to print how many videos were found.
        workers: batches that are made at a time, see `keras.utils.PyDataset`.
        use_multiprocessing: whether in processes of their own in place of threads.
        max_queue_size: batches that wait at most.

    Attributes:
        class_names: list of names.
        file_paths: list of the paths of the videos.
        epoch: number of the epoch; the end of one begins the next. Keras may make a
            pass before the first epoch of `fit`, to build a model.

    Raises:
        ValueError: if an argument is outside the values above, `seed` is missing
            where two subsets are to be told apart, or a folder or file is not as
            expected.

    Example:

    ```python
    split = dict(validation_split=0.2, seed=0)
    train = VideoPyDataset("my_videos", subset="training", workers=4, **split)
    validation = VideoPyDataset("my_videos", subset="validation", **split)
    classifier.fit(train, validation_data=validation, epochs=12)
    ```
    """

    def __init__(
        self,
        directory,
        labels="inferred",
        label_mode="int",
        class_names=None,
        batch_size=16,
        image_size=(112, 112),
        shuffle=True,
        seed=None,
        validation_split=None,
        subset=None,
        num_segments=6,
        total_segments=12,
        on_error="raise",
        verbose=True,
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
    ):
        super().__init__(workers, use_multiprocessing, max_queue_size)
        check_options(
            labels, label_mode, image_size, seed, validation_split, subset, SUBSETS[:2]
        )
        if not 1 <= num_segments <= total_segments:
            raise ValueError(
                f"Expected num_segments in 1..{total_segments} (total_segments). "
                f"Received: {num_segments}."
            )
        found = find_labelled(directory, class_names, on_error)
        check_classes(found, label_mode)
        self._videos = found.videos
        if subset is not None:
            sides = split_groups(
                found.videos, found.class_names, validation_split, seed
            )
            self._videos = sides[SUBSETS.index(subset)]
        if verbose:
            print_found(found)
            if subset is not None:
                print(f"{len(self._videos)} for {subset}.")
        self.class_names = list(found.class_names)
        self.file_paths = [video.name for video in self._videos]
        self.epoch = 0
        self._seed = random.randrange(MOST_SEED) if seed is None else seed
        self._shuffled = shuffle and subset != "validation"
        self._mode = None if labels is None else label_mode
        self._batch_size = min(batch_size, len(self._videos))
        self._size = image_size[0]
        self._segments = dict(num_segments=num_segments, total_segments=total_segments)

    def __len__(self):
        count = len(self._videos)
        if self._shuffled:  # an incomplete batch is dropped
            return count // self._batch_size
        return -(-count // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        positions = range(len(self._videos))[start : start + self._batch_size]
        if self._shuffled:
            seed, last = (self._seed, self.epoch), len(self._videos) - 1
            positions = [draws.shuffled(place, seed, last) for place in positions]
        frames = np.stack([self._clip(position) for position in positions])
        if self._mode is None:
            return frames
        labels = np.array([self._videos[p].label for p in positions], np.int32)
        if self._mode == "binary":
            labels = labels.astype(np.float32)
        elif self._mode == "categorical":
            labels = np.eye(len(self.class_names), dtype=np.float32)[labels]
        return frames, labels

    def on_epoch_end(self):
        """Begins the next epoch; Keras calls it."""
        self.epoch += 1

    def _clip(self, position):
        """The frames of a video, `(num_segments, size, size, 3)`."""
        chosen = self._chosen(self._videos[position].num_frames, position)
        wanted, places = np.unique(chosen, return_inverse=True)
        frames = read_frames(
            self._videos[position].info,
            wanted.tolist(),
            transform=lambda frame: evaluation_size(frame, self._size),
        )
        frames = np.stack(frames)[places]
        if not self._shuffled:
            return center_crop(frames, self._size)
        key = draws.fold_in((self._seed, draws.CLIPS), self.epoch)
        key = draws.fold_in(draws.fold_in(key, position), 1, bits=32)
        return multi_scale_crop(frames, size=self._size, scales=SCALES, seed=key)

    def _chosen(self, length, position):
        """Numbers of the frames of a clip."""
        if self._shuffled:
            key = dict(seed=self._seed, epoch=self.epoch, index=position)
            return sampling.train_indices(length, **key, **self._segments)
        count, total = self._segments["num_segments"], self._segments["total_segments"]
        indices = sampling.evaluation_indices(length, total_segments=total)
        first = (total - count) // 2
        return indices[first : first + count]
