"""Prepared videos: labelled clips out of TFRecord shards, without decoding video."""

import dataclasses

import numpy as np
import tensorflow as tf

from offkeras import modalities
from offkeras.data.actions.labelled_videos import LabelledVideos
from offkeras.data.actions.shards import read_images, read_manifest
from offkeras.data.resize import decode_jpeg
from offkeras.storage import remote as storage
from offkeras.storage.limits import check_on_error


@dataclasses.dataclass(frozen=True)
class PreparedVideos(LabelledVideos):
    """Labelled videos in TFRecord shards. Made by `PreparedVideos.open`.

    `offkeras prepare videos` writes the shards. A sample reads the bytes
    of its own images only, found through the index beside each shard. So a pipeline
    holds `batch_size * (prefetched batches + 1)` clips, and a clip at the stored size
    for every parallel call, whatever the length of the videos. A clip of 7 segments
    of 340x256 takes 1.7 MiB for RGB, 5.8 for flow, 10.5 for RGB differences; an entry
    of `videos` some hundred bytes.

    Attributes:
        root: the folder of the shards, local or remote, see `storage`.
        class_names: tuple of names; a label is a position in it.
        videos: tuple of `StoredVideo`, in the order of the datasets.
        flow: `"tvl1"` or `"dis"`, or `"none"` where no flow was prepared.
        vectors: `"previous"` or `"next"`, or `"none"` where no motion vectors were.
        skipped: tuple of `(name, reason)` for the videos left out.

    Example:

    ```python
    split = data.ucf101(None, "ucfTrainTestlist", split=1)
    train = data.PreparedVideos.open("ucf101_shards", split.train)
    test = data.PreparedVideos.open("ucf101_shards", split.test)
    clips = train.train(data.Stream(epochs=10), batch_size=128, modality="flow")
    views = test.evaluate(batch_size=1, modality="flow", crops="ten")
    ```
    """

    root: str
    class_names: tuple
    videos: tuple
    flow: str
    vectors: str
    skipped: tuple = ()

    @classmethod
    def open(cls, root, videos=None, *, on_error="raise", verify=False):
        """Finds prepared videos.

        Args:
            root: folder that `offkeras prepare videos` has written; also remote,
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
        check_on_error(on_error)
        root = storage.connect(root)
        manifest = read_manifest(root, verify=verify)
        chosen, skipped = manifest.choose(videos, on_error=on_error)
        stored = manifest.flow, manifest.vectors
        return cls(root, manifest.class_names, chosen, *stored, skipped)

    @property
    def is_remote(self):
        """Whether the shards are read over the network."""
        return storage.is_remote(self.root)

    @property
    def names(self):
        """Names of the videos, in the order of `evaluate`."""
        return tuple(video.name for video in self.videos)

    @property
    def files(self):
        """Pairs of a name and a number of frames, in the same order."""
        return tuple((video.name, video.num_frames) for video in self.videos)

    def _modality(self, name):
        """The modality, after checking that every video has it."""
        images = modalities.find(name).images
        if "flow_x" in images and self.flow == "none":
            raise ValueError(
                f"{self.root} holds no optical flow: prepare it with --flow tvl1."
            )
        if "codec_x" in images and self.vectors == "none":
            raise ValueError(
                f"{self.root} holds no motion vectors: prepare them with --vectors "
                "previous."
            )
        return super()._modality(name)

    def _length(self, index, kind):
        return self.videos[index].num_images(kind.images[0])

    @tf.autograph.experimental.do_not_convert  # plain Python, called for every clip
    def _segments(self, choose, epoch, index, num_segments, kind, size):
        """Segments `(num_segments, H, W, C)` of a video, at the stored size."""

        def read(epoch, index):
            video = self.videos[index]
            chosen = self._chosen(choose, epoch, index, kind)
            return np.stack(
                [read_images(self.root, video, image, chosen) for image in kind.images],
                axis=-1,
            )

        jpegs = tf.numpy_function(read, [epoch, index], tf.string, stateful=False)
        jpegs = tf.ensure_shape(
            jpegs, [num_segments, kind.frames_per_segment, len(kind.images)]
        )
        return decode_segments(jpegs, kind)


def decode_segments(jpegs, kind):
    """Decodes the images of a clip; those of a segment become its channels.

    Args:
        jpegs: string tensor `(T, frames_per_segment, len(images))`.
        kind: a `Modality`.

    Returns:
        uint8 `(T, H, W, C)`: RGB of each frame in turn, or x and y of each flow
        field in turn.
    """
    segments, frames, count = jpegs.shape
    depth = kind.image_channels // count
    images = tf.map_fn(
        lambda jpeg: decode_jpeg(jpeg, depth),
        tf.reshape(jpegs, [-1]),
        fn_output_signature=tf.TensorSpec([None, None, depth], tf.uint8),
    )
    height, width = tf.unstack(tf.shape(images)[1:3])
    # (T*K, H, W, C) -> (T, K, H, W, C) -> (T, H, W, K, C) -> (T, H, W, K*C)
    shape = [segments, frames * count, height, width, depth]
    images = tf.transpose(tf.reshape(images, shape), [0, 2, 3, 1, 4])
    channels = frames * count * depth
    return tf.reshape(images, [segments, height, width, channels])
