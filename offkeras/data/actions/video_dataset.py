"""A folder per class of videos as a dataset, in one line."""

import tensorflow as tf

from offkeras.data.actions.class_folder import ClassFolder
from offkeras.data.actions.folder_videos import (
    SUBSETS,
    check_classes,
    check_options,
    print_found,
)
from offkeras.data.order import Stream

MOST_SEED = 2**31 - 1


def video_dataset_from_directory(
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
):
    """A dataset of clips and labels from videos in class folders.

    The video sibling of `keras.utils.image_dataset_from_directory`:

    ```
    my_videos/
      jump/ a.mp4 b.mp4
      walk/ c.mp4 d.mp4
    ```

    Args:
        directory: the folder that holds a folder per class.
        labels: `"inferred"` from the folders, or None: no labels.
        label_mode: `"int"`; `"categorical"` for one-hot vectors; `"binary"` for 0 and
            1 as floats, of two classes; None: no labels.
        class_names: names of the folders in the order of the labels. Default: sorted.
        batch_size: clips in a batch. Where there are fewer videos, all of them.
        image_size: `(height, width)` of the frames, which are square.
        shuffle: whether clips come in a new order in every pass, from a random stretch
            of each video, cropped at random scale and place. Else they come in the
            order of the files, from the middle of each.
        seed: of order, stretch, crops and split: the k-th pass over the dataset
            depends on it and on k alone. Default: a random one.
        validation_split: share of the videos of each class to hold out.
        subset: `"training"`, `"validation"` or `"both"`, for a pair of datasets. The
            validation is not shuffled.
        num_segments: frames of a clip.
        total_segments: a clip is `num_segments` of so many evenly spaced frames of its
            video (section 4.2.3).
        on_error: `"raise"`, or `"skip"` unreadable videos.
        verbose: whether to print how many videos were found.

    Returns:
        A `tf.data.Dataset` of `(frames, labels)`, or of frames where there are no
        labels: uint8 `(batch, num_segments, height, width, 3)`. Its attributes are
        `class_names` and `file_paths`.

    Raises:
        ValueError: if an argument is outside the values above, `seed` is missing
            where two subsets are to be told apart, or a folder or file is not as
            expected.

    Example:

    ```python
    train, validation = video_dataset_from_directory(
        "my_videos", validation_split=0.2, subset="both", seed=0
    )
    classifier.fit(train, validation_data=validation, epochs=12)
    ```
    """
    check_options(
        labels, label_mode, image_size, seed, validation_split, subset, SUBSETS
    )
    if seed is None:
        seed = int(tf.random.uniform([], maxval=MOST_SEED, dtype=tf.int32))
    videos = ClassFolder.open(directory, class_names=class_names, on_error=on_error)
    check_classes(videos, label_mode)
    if verbose:
        print_found(videos)
    parts = {"training": videos}
    if subset is not None:
        parts = dict(
            zip(SUBSETS, videos.split(validation_split, seed=seed), strict=False)
        )
        if verbose:
            print(", ".join(f"{len(v)} for {name}" for name, v in parts.items()) + ".")
    if labels is None:
        label_mode = None

    def dataset(name):
        shuffled = shuffle and name == "training"
        clips = _clips(
            parts[name],
            shuffled=shuffled,
            batch_size=batch_size,
            seed=seed,
            shape=dict(
                size=image_size[0],
                num_segments=num_segments,
                total_segments=total_segments,
            ),
        )
        clips = _labelled(clips, label_mode, len(videos.class_names))
        clips.class_names = list(videos.class_names)
        clips.file_paths = list(parts[name].paths)
        return clips

    if subset == "both":
        return dataset("training"), dataset("validation")
    return dataset(subset or "training")


def _clips(videos, *, shuffled, batch_size, seed, shape):
    if not shuffled:
        return videos.evaluate(batch_size=batch_size, **shape)
    return videos.train(
        Stream(seed, epochs=None),
        batch_size=min(batch_size, len(videos)),
        flip=False,
        **shape,
    )


def _labelled(clips, mode, num_classes):
    """The dataset with labels as they are asked for."""
    if mode == "int":
        return clips
    if mode is None:
        return clips.map(lambda frames, _: frames)
    if mode == "binary":
        return clips.map(lambda frames, labels: (frames, tf.cast(labels, tf.float32)))
    return clips.map(lambda frames, labels: (frames, tf.one_hot(labels, num_classes)))
