"""A folder per class of videos: `root/<class>/<video>`."""

import dataclasses
import os

import tensorflow as tf

from offkeras.data import sampling
from offkeras.data.actions.folder_videos import find_labelled
from offkeras.data.actions.labelled_videos import LabelledVideos, finish
from offkeras.data.actions.segment_reader import SegmentReader
from offkeras.data.augment import center_crop
from offkeras.storage.limits import listing
from offkeras.video import optical_flow
from offkeras.video.vectors import fields


@dataclasses.dataclass(frozen=True)
class ClassFolder(LabelledVideos):
    """Labelled videos, one folder per class. Made by `ClassFolder.open`.

    Every file is opened and indexed once; a sample reads its own frames only.

    Attributes:
        root: the folder that holds the class folders.
        class_names: tuple of names; a label is a position in it.
        videos: tuple of `FolderVideo`, in the order of the datasets.
        flow: method of optical flow, see `optical_flow.estimator`.
        vectors: where frames without motion vectors take them from, see
            `vectors.fields.FieldStream`.
        skipped: tuple of `(path, reason)` for the files left out.
        others: tuple of the paths of files that are no videos by their names.

    Example:

    ```python
    videos = data.ClassFolder.open("my_videos")
    train, validation = videos.split(0.2)
    model.fit(
        train.train(data.Stream(epochs=10), batch_size=16, outputs=model.output),
        steps_per_epoch=train.steps_per_epoch(16),
        epochs=10,
    )
    ```
    """

    root: str
    class_names: tuple
    videos: tuple
    flow: str = "dis"
    vectors: str = "previous"
    skipped: tuple = ()
    others: tuple = ()

    @classmethod
    def open(
        cls,
        root,
        *,
        class_names=None,
        flow="dis",
        vectors="previous",
        on_error="raise",
    ):
        """Finds the videos under `root` and checks every one of them.

        Args:
            root: folder of class folders. Videos end in one of
                `video.search.VIDEO_SUFFIXES`, in any case; hidden files are passed
                over, other files as well and are listed in `others`.
            class_names: names in the order of the labels, for instance those a
                model was trained with; by default the sorted folder names. A class
                may have no folder.
            flow: how optical flow is computed for `modality="flow"`, `"dis"` or
                `"tvl1"`.
            vectors: where frames without motion vectors take them from for
                `modality="codec"`: `"previous"` (the paper) or `"next"` (the authors'
                release).
            on_error: `"raise"`, or `"skip"` to leave unreadable videos out and
                list them in `skipped`.

        Raises:
            ValueError: if the layout is wrong, or videos are unreadable: one error
                that lists them all.
        """
        optical_flow.estimator(flow)  # an unknown one is refused now
        fields.check_rule(vectors)
        found = find_labelled(root, class_names, on_error)
        return cls(
            str(root),
            found.class_names,
            found.videos,
            flow,
            vectors,
            found.skipped,
            found.others,
        )

    @property
    def paths(self):
        """Paths of the videos, in the order of `evaluate`."""
        return tuple(video.name for video in self.videos)

    @property
    def files(self):
        """Pairs of a path below the folder and its size in bytes, in that order."""
        return tuple(
            (os.path.relpath(path, self.root), os.path.getsize(path))
            for path in self.paths
        )

    @property
    def num_frames(self):
        """Numbers of their frames, in the same order."""
        return tuple(video.num_frames for video in self.videos)

    def _modality(self, name):
        """The modality, after checking that every video has it."""
        kind = super()._modality(name)
        if "codec_x" in kind.images:
            problems = [
                f"{video.name}: {fields.refusal(video.info.codec)}"
                for video in self.videos
                if video.info.codec not in fields.CODECS
            ]
            if problems:
                raise ValueError(
                    f"{len(problems)} of {len(self)} videos in {self.root} have no "
                    f"motion vectors to read:\n{listing(problems)}"
                )
        return kind

    def _length(self, index, kind):
        is_motion = kind.images != ("rgb",)
        return max(self.videos[index].num_frames - is_motion, 1)

    @tf.autograph.experimental.do_not_convert  # plain Python, called for every clip
    def _segments(self, choose, epoch, index, num_segments, kind, size):
        """Segments `(num_segments, H, W, C)` of a video, scaled for crops of `size`."""

        reader = self._reader(kind, size)

        def read(epoch, index):
            video = self.videos[index].info
            chosen = self._chosen(choose, epoch, index, kind)
            return reader.make(reader.decode(video, chosen), chosen)

        frames = tf.numpy_function(read, [epoch, index], tf.uint8, stateful=False)
        channels = kind.frames_per_segment * kind.image_channels
        return tf.ensure_shape(frames, [num_segments, None, None, channels])

    def _reader(self, kind, size):
        return SegmentReader(kind, size, self.flow, self.vectors)

    def steps(self, *, modality="rgb", num_segments=25, size=224, scheme="paper"):
        """The two steps from a file to its clip of `evaluate`, to measure each.

        Args:
            modality: what a segment shows, see `modalities`.
            num_segments: segments in a clip and in a video.
            size: height and width of a segment in pixels.
            scheme: `"paper"` or `"released"` sampling.

        Returns:
            `(decode, make)`: a function of the number of a video to what its file
            gives, and one of both to the frames `(num_segments, size, size, C)`.
        """
        kind = self._modality(modality)
        reader = self._reader(kind, size)

        def choose(epoch, index):
            return sampling.evaluation_indices(
                self._length(index, kind),
                total_segments=num_segments,
                frames_per_segment=kind.frames_per_segment,
                scheme=scheme,
            )

        def decode(index):
            chosen = self._chosen(choose, 0, index, kind)
            return reader.decode(self.videos[index].info, chosen)

        def make(index, decoded):
            segments = reader.make(decoded, self._chosen(choose, 0, index, kind))
            return finish(center_crop(segments, size), kind)

        return decode, make
