"""Where frames come from: a video file, a folder of images or a camera."""

import dataclasses
import pathlib
import time

import numpy as np

from offkeras.data import isolated
from offkeras.data.video import VideoError, iterate_frames, probe, read_frames

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
IMAGE_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # of 8 bits
MAX_PIXELS = 2**26  # of an image
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


def iterate_source(source):
    """Yields every frame of a source, one at a time.

    Args:
        source: path of a video file; path of a folder of images of one size, which
            are taken in the order of their names as 25 frames a second; a `Camera`
            or its number, whose frames are timed by the clock; an `Isolated` file.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`.

    Raises:
        VideoError: if the source cannot be read to its end, or an image has another
            size than the first.
    """
    if isinstance(source, int):
        source = Camera(source)
    if isinstance(source, Camera):
        yield from _camera_frames(source)
    elif isinstance(source, Isolated):
        yield from isolated.iterate_frames(source.path)
    elif pathlib.Path(source).is_dir():
        for number, frame in enumerate(_images(find_images(source))):
            yield number / FPS, frame
    else:
        yield from iterate_frames(source)


def measure(source):
    """Length and rate of a source.

    Args:
        source: see `iterate_source`.

    Returns:
        `(num_frames, frames per second)`; a camera has `None` frames.
    """
    if isinstance(source, (int, Camera)):
        return None, FPS
    if isinstance(source, Isolated):
        info = isolated.probe(source.path)
        return info.num_frames, info.fps
    if pathlib.Path(source).is_dir():
        return len(find_images(source)), FPS
    info = probe(source)
    return info.num_frames, info.fps


def read_source_frames(source, indices, *, size):
    """Chosen frames of a video file or of a folder of images.

    Args:
        source: see `iterate_source`.
        indices: frame numbers from 0.
        size: length in pixels that the shorter side of a video is scaled to, to
            save memory; images keep theirs.

    Returns:
        uint8 RGB `(len(indices), H, W, 3)`.
    """
    if pathlib.Path(source).is_dir():
        paths = find_images(source)
        return np.stack(list(_images([paths[i] for i in indices])))
    return read_frames(source, indices, size=size)


def find_images(folder):
    """The images of a folder by name, hidden ones left out.

    Raises:
        VideoError: if there is none.
    """
    paths = sorted(
        path
        for path in pathlib.Path(folder).iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."
    )
    if not paths:
        raise VideoError(folder, f"holds no image ({', '.join(IMAGE_SUFFIXES)}).")
    return paths


def _images(paths):
    """Yields images, all of one size."""
    shape = None
    for path in paths:
        image = _read_image(path)
        shape = shape or image.shape
        if image.shape != shape:
            raise VideoError(
                path,
                f"expected {shape[1]}x{shape[0]} pixels, as {paths[0].name} has. "
                f"Received: {image.shape[1]}x{image.shape[0]}.",
            )
        yield image


def _read_image(path):
    """An image as uint8 RGB, upright."""
    import PIL.Image
    import PIL.ImageOps

    try:
        with PIL.Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise VideoError(
                    path,
                    f"{image.width}x{image.height} exceed {MAX_PIXELS} pixels.",
                )
            if image.mode not in IMAGE_MODES:
                raise VideoError(
                    path, f"expected 8 bits a colour. Received: {image.mode!r}."
                )
            return np.array(PIL.ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
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
            first = time.monotonic() if first is None else first
            seconds = time.monotonic() - first
            yield seconds, np.ascontiguousarray(frame[..., ::-1])  # BGR -> RGB
            number += 1
    finally:
        capture.release()
