"""Segments of any modality, one frame after another."""

import collections
import pathlib

import tensorflow as tf

from offkeras.data.actions.labelled_videos import finish
from offkeras.data.augment import EVALUATION_SCALE, center_crop, evaluation_size
from offkeras.inference.sources import Camera, Isolated, Timed, iterate_source
from offkeras.video import optical_flow
from offkeras.video.vectors.reading import iterate_fields

FLOW = "dis"  # TV-L1 takes a second a frame


def iterate_images(source, kind, size):
    """Yields every frame of a source with the stored image that ends there.

    Args:
        source: see `iterate_source`; with motion vectors a video file.
        kind: a `Modality`.
        size: height and width of a segment.

    Yields:
        `(seconds, frame, image)`: time since the first frame, uint8 RGB `(H, W, 3)`,
        and uint8 `(h, w, channels)`: the frame itself, or the motion that leads to
        it, which for the first frame is None.
    """
    if kind.images == ("rgb",):
        yield from ((*frame, frame[-1]) for frame in iterate_source(source))
    elif "codec_x" in kind.images:
        for number, (*frame, field) in enumerate(_iterate_fields(source)):
            yield *frame, field.image() if number else None
    else:
        between, previous = optical_flow.estimator(FLOW), None
        for seconds, frame in iterate_source(source):
            grey = _grey(frame, size)
            flow = None
            if previous is not None:
                flow = optical_flow.quantize(between(previous, grey))
            previous = grey
            yield seconds, frame, flow


def _iterate_fields(source):
    """Yields every frame of a video file with the motion vectors that lead to it.

    Args:
        source: path of a video file, or a `Timed` one.

    Yields:
        See `vectors.reading.iterate_fields`.

    Raises:
        ValueError: if the source is none, and so has no decoder to ask.
    """
    if isinstance(source, Timed):
        source = source.source
    is_file = not isinstance(source, (int, Camera, Isolated))
    if not is_file or pathlib.Path(source).is_dir():
        raise ValueError(
            "Expected a video file: motion vectors come out of its decoder. "
            f"Received: {type(source).__name__} {source}."
        )
    yield from iterate_fields(source)


def _grey(frame, size):
    """A frame as flow is taken of it, see `ClassFolder`."""
    import cv2

    cv2.setNumThreads(1)  # the result of DIS depends on their number
    scaled, _ = evaluation_size(frame, size)
    return cv2.cvtColor(scaled.numpy(), cv2.COLOR_RGB2GRAY)


class SegmentStream:
    """The segment that ends at each frame.

    Args:
        kind: a `Modality`.
        size: height and width of a segment in pixels.
    """

    def __init__(self, kind, size):
        self.kind, self.size = kind, size
        self.images = collections.deque(maxlen=kind.frames_per_segment)
        self.times = collections.deque(maxlen=self.lead + 1)

    @property
    def lead(self):
        """Frames before the one at which the first segment ends."""
        return self.kind.frames_per_segment - 1 + self._is_motion

    @property
    def _is_motion(self):
        return self.kind.images != ("rgb",)

    def add(self, seconds, image):
        """Takes what `iterate_images` yields of a frame.

        Motion that leads to the first frame is none of the segment's.
        """
        if self.times or not self._is_motion:
            self.images.append(image)
        self.times.append(seconds)

    @property
    def times_of_ends(self):
        """Seconds of the first and of the last frame of the segment."""
        return self.times[0], self.times[-1]

    def segment(self):
        """The segment that ends at the last frame, `(1, size, size, C)`."""
        crops = [_crop(image, self.size) for image in self.images]
        # K times (1, H, W, C) -> (1, H, W, K * C)
        return finish(tf.concat(crops, axis=-1), self.kind)


def _crop(image, size):
    """`center_crop`; of what is scaled already the same, for much less."""
    height, width = image.shape[:2]
    if min(height, width) != round(size * EVALUATION_SCALE):
        return center_crop(image[None], size)
    top, left = (height - size) // 2, (width - size) // 2
    return image[None, top : top + size, left : left + size]
