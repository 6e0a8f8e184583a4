"""What is behind people: footage that plays or stands still, split by its source."""

import dataclasses
import functools

import numpy as np

from offkeras.data.images import open_image
from offkeras.data.sample_videos import sample_video
from offkeras.video import VideoError, probe, read_frames
from offkeras.video.search import IMAGE_SUFFIXES, VIDEO_SUFFIXES, find_files

# (file, first frame, end frame), cut where scenes are. As in `camera_motion`, the test
# video is never trained on.
SAMPLES = {
    "train": (
        ("bikes.mp4", 0, 30),
        ("bikes.mp4", 30, 76),
        ("bikes.mp4", 76, 100),
        ("bikes.mp4", 100, 137),
        ("bikes.mp4", 137, 187),
        ("bigbuckbunny.mp4", 0, 132),
    ),
    "validation": (("bikes.mp4", 187, 242),),
    "test": (("carphone_pristine.mp4", 0, 120),),
}
# The files of a folder, sorted, in turn: three of five are trained on.
TURNS = ("train", "validation", "test", "train", "train")
MOST_FRAMES = 100  # of each video of a folder, those of its middle
MAX_BYTES = 2**31  # of a split, decoded
PARTS = 32  # of a pixel, as OpenCV's fixed maps have them
FINER = 11  # more bits, in which places are added up
WIDEST = 4  # heights; of what is wider, the middle is shown
FPS = 25  # of a picture that stands still


@dataclasses.dataclass(frozen=True, eq=False)
class Footage:
    """A photograph or a stretch of a video.

    Attributes:
        source: the file that it is from.
        frames: uint8 `(N, H, W, 3)`.
        fps: frames per second.
    """

    source: str
    frames: np.ndarray
    fps: float


@functools.lru_cache(maxsize=6)  # the three splits at two sizes
def load_samples(split, height):
    """Stretches of the sample videos, a tuple of `Footage` of one height."""
    return tuple(
        _read_video(probe(sample_video(name)), range(first, end), height, name)
        for name, first, end in SAMPLES[split]
    )


@functools.lru_cache(maxsize=6)
def load_folder(folder, split, height):
    """The photographs and videos of a folder that belong to a split.

    Args:
        folder: path of the folder; those in it count as well.
        split: `"train"`, `"validation"` or `"test"`.
        height: to scale to, in pixels.

    Returns:
        A tuple of `Footage`.

    Raises:
        ValueError: if there are fewer than three files, one cannot be read, or they
            would take more than `MAX_BYTES`; the latter before any is decoded.
    """
    paths = find_files(folder, IMAGE_SUFFIXES + VIDEO_SUFFIXES, below=True)
    if len(paths) < len(SAMPLES):
        raise ValueError(
            f"Expected at least {len(SAMPLES)} photographs or videos in {folder}, one "
            f"for each of {', '.join(SAMPLES)}. Received: {len(paths)}."
        )
    paths = [p for n, p in enumerate(paths) if TURNS[n % len(TURNS)] == split]
    found = [_look(path) for path in paths]
    size = sum(
        n * 3 * height * -(-min(w, WIDEST * h) * height // h) for n, h, w, _ in found
    )
    if size > MAX_BYTES:
        raise ValueError(
            f"Expected the {split} backgrounds of {folder}, {height} pixels high, to "
            f"take at most {MAX_BYTES} bytes. Received: {size}, of {len(paths)} files."
        )
    return tuple(
        _read(path, video, height)
        for path, (*_, video) in zip(paths, found, strict=True)
    )


def _look(path):
    """Frames, height, width, and the `VideoInfo` of a video, None of a photograph."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        try:
            with open_image(path) as image:
                return 1, image.height, image.width, None
        except ValueError as error:
            raise VideoError(path, str(error)) from error
    video = probe(path)
    return min(video.num_frames, MOST_FRAMES), video.height, video.width, video


def _read(path, video, height):
    if video is not None:
        first = max(video.num_frames - MOST_FRAMES, 0) // 2
        end = min(first + MOST_FRAMES, video.num_frames)
        return _read_video(video, range(first, end), height, str(path))
    try:
        with open_image(path) as image:
            # A JPEG is decoded at about the size that is needed.
            image.draft("RGB", (2 * height * image.width // image.height, 2 * height))
            frame = np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise VideoError(path, f"cannot be decoded ({error}).") from error
    return Footage(str(path), _scaled(frame, height)[None], FPS)


def _read_video(video, indices, height, source):
    frames = read_frames(video, indices, transform=lambda f: _scaled(f, height))
    return Footage(source, frames, video.fps)


def _scaled(frame, height):
    """The frame without its border, of which some videos have a dark line."""
    import cv2

    spare = frame.shape[1] - WIDEST * frame.shape[0]
    edge = max(-(-frame.shape[1] // 50), -(-spare // 2))
    frame = frame[:, edge:-edge] if frame.shape[1] > 2 * edge else frame
    width = max(round(frame.shape[1] * height / frame.shape[0]), 1)
    smaller = height < frame.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=how)


@dataclasses.dataclass(frozen=True, eq=False)
class Backdrop:
    """A part of some footage behind a clip.

    Attributes:
        footage: the `Footage`.
        first: its frame at time 0.
        plays: whether it goes on, or stands still.
        centre: x and y of what the middle of the picture shows at rest.
        scale: pixels of the footage in a pixel of the picture.
        mirrored: left and right.
    """

    footage: Footage
    first: int
    plays: bool
    centre: tuple
    scale: float
    mirrored: bool

    def frame(self, time, matrix, size):
        """What a camera sees of it.

        Args:
            time: seconds after the beginning of the clip.
            matrix: what the camera does to a picture at rest, see `camera.Path`.
            size: height and width of the picture.

        Returns:
            uint8 `(size, size, 3)`; beyond its edges footage is mirrored.
        """
        import cv2

        frames = self.footage.frames
        number = self.first + round(time * self.footage.fps) * self.plays
        # To and fro, where it is shorter than the clip.
        number %= max(2 * len(frames) - 2, 1)
        frame = frames[min(number, 2 * len(frames) - 2 - number)]
        (a, b, x), (c, d, y) = matrix
        area = a * d - b * c
        flip = -self.scale if self.mirrored else self.scale
        # The inverse: a pixel of the footage for each of the picture, in whole parts.
        steps = np.array([[d, -b], [-c, a]]) / area * [[flip], [self.scale]]
        start = steps @ (0.5 - np.array([x, y]))
        start += self.centre - np.array([flip, self.scale]) * size / 2 - 0.5
        steps, start = (
            np.rint(part * (PARTS << FINER)).astype(np.int32) for part in (steps, start)
        )
        along = np.arange(size, dtype=np.int32)
        places = np.empty((size, size, 2), np.int32)
        for axis in (0, 1):
            row = along * steps[axis, 0] + (start[axis] + (1 << FINER >> 1))
            column = along * steps[axis, 1]
            np.add(row, column[:, None], out=places[..., axis])
        places >>= FINER
        part = places & (PARTS - 1)
        return cv2.remap(
            frame,
            (places >> PARTS.bit_length() - 1).astype(np.int16),
            (part[..., 1] * PARTS + part[..., 0]).astype(np.uint16),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )


def draw_backdrop(rng, footage, size):
    """A random part of random footage."""
    chosen = footage[rng.integers(len(footage))]
    count, height, width, _ = chosen.frames.shape
    side = rng.uniform(0.6, 1.0) * min(height, width)
    x, y = (side / 2 + rng.uniform() * (length - side) for length in (width, height))
    return Backdrop(
        footage=chosen,
        first=int(rng.integers(count)),
        plays=bool(rng.uniform() < 0.5),
        centre=(x, y),
        scale=side / size,
        mirrored=bool(rng.uniform() < 0.5),
    )
