"""A folder per class of videos: `root/<class>/<video>`."""

import dataclasses
import os
import pathlib

import tensorflow as tf

from offkeras.data import sampling
from offkeras.data.actions.labelled_videos import LabelledVideos, finish
from offkeras.data.actions.segment_reader import SegmentReader
from offkeras.data.augment import center_crop
from offkeras.data.parallel import in_threads
from offkeras.storage.limits import check_on_error, listing
from offkeras.video import VideoError, VideoInfo, optical_flow, probe
from offkeras.video.search import VIDEO_SUFFIXES, find_others, find_videos
from offkeras.video.vectors import fields


@dataclasses.dataclass(frozen=True)
class FolderVideo:
    """A video in the folder of its class.

    Attributes:
        info: what `probe` found; reading uses its index.
        label: position in `class_names`.
    """

    info: VideoInfo
    label: int

    @property
    def name(self):
        """The path of the file."""
        return self.info.path

    @property
    def group(self):
        """What a split keeps together: the file."""
        return self.info.path

    @property
    def num_frames(self):
        """Number of its frames."""
        return self.info.num_frames


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
        check_on_error(on_error)
        optical_flow.estimator(flow)  # an unknown one is refused now
        fields.check_rule(vectors)
        root = pathlib.Path(root)
        folders = find_classes(root, class_names)
        class_names = tuple(class_names or map(name_of, folders))
        files = [
            (path, name_of(folder))
            for folder in folders
            for path in find_videos(folder)
        ]
        results = in_threads(_probe, [path for path, _ in files])
        results = [(*file, r) for file, r in zip(files, results, strict=True)]
        good = [row for row in results if isinstance(row[2], VideoInfo)]
        skipped = tuple(
            (str(path), error.reason)
            for path, _, error in results
            if isinstance(error, VideoError)
        )
        if skipped and on_error == "raise":
            raise ValueError(
                f"{len(skipped)} of {len(files)} videos in {root} cannot be read "
                '(on_error="skip" leaves them out):\n'
                + listing([f"{path}: {reason}" for path, reason in skipped])
            )
        for folder in folders:
            if name_of(folder) not in {name for _, name, _ in good}:
                raise ValueError(f"No video of class folder {folder} can be read.")
        videos = tuple(
            FolderVideo(info, class_names.index(name)) for _, name, info in good
        )
        others = tuple(
            str(path)
            for folder in folders
            for path in find_others(folder, VIDEO_SUFFIXES)
        )
        made = flow, vectors
        return cls(str(root), class_names, videos, *made, skipped, others)

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


def _probe(path):
    """What a video holds, or the error."""
    try:
        return probe(path)
    except VideoError as error:
        return error


def name_of(path):
    """The name of a class folder, or of a video: UTF-8, whatever the locale is.

    Raises:
        ValueError: if it is no UTF-8, which a list could not hold.
    """
    name = os.fsencode(path.name)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected the name of {path} in UTF-8. Received: {name}."
        ) from error


def find_classes(root, class_names=None):
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
    lost = [p for p in root.iterdir() if p.is_symlink() and not p.exists()]
    if lost:
        raise ValueError(
            f"Expected a folder per class in {root}. {min(lost)} is a link to "
            f"{os.readlink(min(lost))}, which is not there."
        )
    if not folders:
        raise ValueError(f"Expected a folder per class in {root}. Found none.")
    for folder in folders:
        name = name_of(folder)
        if class_names is not None and name not in class_names:
            raise ValueError(
                f"Class folder {folder} is not among the class_names "
                f"{tuple(class_names)}."
            )
        inner = [p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."]
        if inner:
            raise ValueError(
                f"Expected only files in class folder {folder}. It holds the folder "
                f"{inner[0].name}, whose videos would be lost."
            )
        if not find_videos(folder):
            raise ValueError(
                f"Class folder {folder} holds no video ({', '.join(VIDEO_SUFFIXES)})."
            )
    return folders
