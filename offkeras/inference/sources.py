"""Where frames come from: a video file, a folder of images or a camera."""

import collections
import contextlib
import dataclasses
import fractions
import pathlib
import time
import typing

import numpy as np

from offkeras.data.images import open_image
from offkeras.video import (
    VideoError,
    color,
    isolated,
    iterate_frames,
    probe,
    read_frames,
)
from offkeras.video.live.stream import LiveStream
from offkeras.video.search import IMAGE_SUFFIXES, find_files, natural_order

IMAGE_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # of 8 bits
FPS = 25  # of a folder of images, and of what a camera is written at


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera, or the number of one, which stands for a `Camera` without an end.

    Attributes:
        index: number of the camera, from 0.
        seconds: how long to look; by default as long as somebody asks for frames.
    """

    index: int
    seconds: float | None = None

    def __str__(self):
        return f"camera {self.index}"


@dataclasses.dataclass(frozen=True)
class Isolated:
    """A video file that nobody vouches for: decoded in a process of its own.

    Attributes:
        path: path of the file.
    """

    path: str

    def __str__(self):
        return str(self.path)


class Timed:
    """A source, and the times of the frames that are taken from it.

    Whoever takes them gives them to `watch`, see `watched`.

    Attributes:
        source: see `iterate_source`.
        times: seconds of the frames that nobody has asked for yet.
    """

    def __init__(self, source):
        self.source, self.times = source, collections.deque()

    def __str__(self):
        return str(self.source)

    def watch(self, frames):
        """Yields what `iterate_source` yields, and keeps the times."""
        for item in frames:
            self.times.append(item[0])
            yield item

    def take_times(self):
        """Yields the time of every frame that was taken, one for each."""
        while self.times:
            yield self.times.popleft()


class Look(typing.NamedTuple):
    """What a video that is drawn from a source must be told, for `write_video`.

    Attributes:
        fps: mean frames per second.
        aspect: width of a pixel by its height, None where unknown.
        coding: how colours are coded, None where unknown.
    """

    fps: float
    aspect: fractions.Fraction | None = None
    coding: color.Coding | None = None


def iterate_source(source):
    """Yields every frame of a source, one at a time.

    Args:
        source: path of a video file; path of a folder of images of one size, which
            are taken in the order of their names (2 before 10) as 25 frames per
            second; a `Camera` or its number, whose frames are timed by the clock; a
            `LiveStream`; an `Isolated` file; or a `Timed` one of these.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`.

    Raises:
        VideoError: if the source cannot be read to its end, or an image has another
            size than the first.
    """
    if isinstance(source, int):
        source = Camera(source)
    if isinstance(source, LiveStream):
        yield from ((picture.seconds, picture.image) for picture in source)
    elif isinstance(source, Timed):
        yield from iterate_source(source.source)
    elif isinstance(source, Camera):
        yield from _camera_frames(source)
    elif isinstance(source, Isolated):
        yield from isolated.iterate_frames(source.path)
    elif pathlib.Path(source).is_dir():
        for number, frame in enumerate(_images(find_images(source))):
            yield number / FPS, frame
    else:
        yield from iterate_frames(source)


def watched(source, frames):
    """The frames of a source; one that is `Timed` keeps their times.

    Args:
        source: see `iterate_source`.
        frames: what `iterate_source` yields of it, perhaps with more beside.
    """
    return source.watch(frames) if isinstance(source, Timed) else frames


def measure(source):
    """Length and rate of a source.

    Args:
        source: see `iterate_source`.

    Returns:
        `(num_frames, frames per second)`; a camera has `None` frames.
    """
    if isinstance(source, Timed):
        return measure(source.source)
    if isinstance(source, (int, Camera)):
        return None, FPS
    if not isinstance(source, Isolated) and pathlib.Path(source).is_dir():
        return len(find_images(source)), FPS
    info = probe_source(source)
    return info.num_frames, info.fps


def look_of(source):
    """The `Look` of a source, see `iterate_source`."""
    if isinstance(source, (int, Camera)) or (
        not isinstance(source, Isolated) and pathlib.Path(source).is_dir()
    ):
        return Look(FPS)
    info = probe_source(source)
    return Look(info.fps, info.aspect, info.coding)


def probe_source(source):
    """The `VideoInfo` of a video file, see `iterate_source`."""
    if isinstance(source, Isolated):
        return isolated.probe(source.path)
    return probe(source)


def read_source_frames(source, indices, *, transform):
    """Chosen frames of a video file or of a folder of images.

    Args:
        source: see `iterate_source`.
        indices: frame numbers from 0.
        transform: function of a frame to what is kept of it.

    Returns:
        What is kept, stacked: `(len(indices), ...)`.
    """
    if pathlib.Path(source).is_dir():
        paths = find_images(source)
        return np.stack([transform(f) for f in _images([paths[i] for i in indices])])
    return read_frames(source, indices, transform=transform)


def find_images(folder):
    """The images of a folder, hidden ones left out, in the order of their names.

    Numbers in these are counted: 2 comes before 10.

    Raises:
        VideoError: if there is none.
    """
    paths = sorted(find_files(folder, IMAGE_SUFFIXES), key=natural_order)
    if not paths:
        raise VideoError(folder, f"holds no image ({', '.join(IMAGE_SUFFIXES)}).")
    return paths


def _images(paths):
    """Yields images, all of one size."""
    shape = None
    for path in paths:
        image = read_image(path)
        shape = shape or image.shape
        if image.shape != shape:
            raise VideoError(
                path,
                f"expected {shape[1]}x{shape[0]} pixels, as {paths[0].name} has. "
                f"Received: {image.shape[1]}x{image.shape[0]}.",
            )
        yield image


def read_image(path):
    """An image as uint8 RGB `(H, W, 3)`, upright.

    Raises:
        VideoError: if it cannot be read.
    """
    with _upright(path) as image:
        return np.array(image.convert("RGB"))


class Extras(typing.NamedTuple):
    """What an image has beside its colours.

    Attributes:
        profile: the ICC profile that these are meant by, bytes; None where it has none.
        is_grey: whether that is a profile of greys.
        alpha: uint8 `(H, W)`, None where all is opaque.
    """

    profile: bytes | None
    is_grey: bool
    alpha: np.ndarray | None


def image_extras(path):
    """The `Extras` of an image.

    Raises:
        VideoError: if its profile is for colours other than RGB and grey.
    """
    with _upright(path) as image:
        profile = image.info.get("icc_profile")
        space = profile[16:20] if profile else b"RGB "  # of the header of a profile
        if space not in (b"RGB ", b"GRAY"):
            raise VideoError(
                path,
                "has a colour profile that a PNG of RGB cannot keep: expected one for "
                f"RGB or grey, received {space.decode('latin-1').strip()}. Convert it "
                "to RGB first.",
            )
        alpha = None
        if image.mode[-1] in "Aa" or "transparency" in image.info:
            alpha = np.array(image.convert("RGBA").getchannel("A"))
        return Extras(profile or None, space == b"GRAY", alpha)


@contextlib.contextmanager
def _upright(path):
    """An image of 8 bits a colour, decoded and turned as it is shown."""
    from PIL import ImageOps

    try:
        with open_image(path) as image:
            if image.mode not in IMAGE_MODES:
                raise ValueError(
                    f"expected 8 bits per colour. Received: {image.mode!r}."
                )
            yield ImageOps.exif_transpose(image)
    except VideoError:
        raise
    except ValueError as error:
        raise VideoError(path, str(error)) from error
    except (OSError, SyntaxError) as error:
        raise VideoError(path, f"cannot be decoded ({error}).") from error


def _camera_frames(camera):
    import cv2

    capture = cv2.VideoCapture(camera.index)
    try:
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what is old is of no use
        first, seconds, number = None, 0.0, 0
        while camera.seconds is None or seconds < camera.seconds:
            good, frame = capture.read()
            if not good:
                raise VideoError(camera, f"gave no picture after {number} frames.")
            now = time.monotonic()
            first = now if first is None else first
            seconds = now - first
            yield seconds, np.ascontiguousarray(frame[..., ::-1])  # BGR -> RGB
            number += 1
    finally:
        capture.release()
