"""Moving objects: detection without a download, in the layout of ImageNet VID.

A snippet is a still frame of a real video seen through a window that pans slowly,
and before it one or two objects that move on straight lines and bounce off the
border. The class of an object is its outline. Its texture comes from the same
footage and its edge is feathered, frames are blurred by their exposure and noisy: so
that one frame is weak evidence, and motion a strong one.
"""

import dataclasses
import functools
import math
import threading

import numpy as np

from offkeras.data.detection.annotation import Annotation
from offkeras.data.resize import shorter_side
from offkeras.data.sample_videos import sample_video
from offkeras.data.synthetic.snippet_files import SnippetSet
from offkeras.video.reading import read_frames

WIDTH, HEIGHT = 128, 96
MOST_OBJECTS = 2
OBJECT_SIZE = (20.0, 38.0)  # pixels
OBJECT_SPEED = (1.5, 6.0)  # pixels per frame
FEATHER = (1.5, 4.0)  # width of the edge in pixels
CAMERA_SPEED = 0.6  # pixels per frame
EXPOSURE = 0.8  # of the time between two frames
SUBFRAMES = 5  # averaged over the exposure
NOISE = 6.0  # standard deviation, of 255
FOOTAGE_HEIGHT = 160

# Name in the XML -> name to show, in the order of the classes.
CLASSES = {name: name for name in ("disc", "square", "triangle")}
# (file, first frame, end frame). The splits share no scene.
SOURCES = {
    "train": (
        ("bikes.mp4", 0, 30),
        ("bikes.mp4", 76, 187),
        ("bigbuckbunny.mp4", 0, 132),
    ),
    "validation": (("bikes.mp4", 30, 76),),
    "test": (("bikes.mp4", 187, 242),),
}


def load_footage(split):
    """Frames of a split: list of uint8 RGB arrays `FOOTAGE_HEIGHT` pixels high."""
    return [
        frame
        for name, first, end in SOURCES[split]
        for frame in read_frames(
            sample_video(name),
            range(first, end),
            transform=lambda f: shorter_side(f, FOOTAGE_HEIGHT)[0].numpy(),
        )
    ]


@dataclasses.dataclass(frozen=True, eq=False)
class MovingObject:
    """An object on its path.

    Attributes:
        name: its class.
        size: of its box in pixels.
        sprite: float32 `(side, side, 4)`: texture times opacity, and opacity.
        start: x and y of its centre in frame 0.
        velocity: in x and y, pixels per frame.
    """

    name: str
    size: float
    sprite: np.ndarray
    start: np.ndarray
    velocity: np.ndarray

    @property
    def speed(self):
        """Pixels per frame."""
        return float(np.hypot(*self.velocity))

    def centre(self, time):
        """x and y at `time` in frames; the border reflects the path."""
        nearest = self.size / 2
        room = np.array([WIDTH, HEIGHT]) - self.size
        along = (self.start - nearest + self.velocity * time) % (2 * room)
        return nearest + room - np.abs(along - room)

    def box(self, time):
        """Its box at `time` in whole pixels, right and lower edges exclusive."""
        centre = self.centre(time)
        corners = [centre - self.size / 2, centre + self.size / 2]
        return np.round(np.concatenate(corners)).astype(np.float32)


def draw_object(footage, rng):
    """A random object with a texture from `footage`."""
    name = list(CLASSES)[rng.integers(len(CLASSES))]
    size = rng.uniform(*OBJECT_SIZE)
    opacity = _outline(name, size, feather=rng.uniform(*FEATHER))
    side = len(opacity)
    frame = footage[rng.integers(len(footage))]
    top, left = (rng.integers(room - side + 1) for room in frame.shape[:2])
    texture = frame[top : top + side, left : left + side]
    angle, speed = rng.uniform(0, 2 * math.pi), rng.uniform(*OBJECT_SPEED)
    room = np.array([WIDTH, HEIGHT]) - size
    return MovingObject(
        name=name,
        size=size,
        sprite=np.dstack([texture * opacity[..., None], opacity]).astype(np.float32),
        start=size / 2 + rng.uniform(size=2) * room,
        velocity=speed * np.array([math.cos(angle), math.sin(angle)]),
    )


def _outline(name, size, *, feather):
    """Opacity of an outline that fills its box, `(side, side)`, in its middle."""
    side = math.ceil(size + feather) + 2
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    radius = size / 2
    # Distance to the edge, positive inside.
    if name == "disc":
        distance = radius - np.hypot(x, y)
    elif name == "square":
        distance = radius - np.maximum(np.abs(x), np.abs(y))
    else:  # a triangle that stands on its base
        slope = ((y + radius) / 2 - np.abs(x)) * 2 / math.sqrt(5)
        distance = np.minimum(radius - y, slope)
    return np.clip(distance / feather + 0.5, 0, 1)


def render_snippet(footage, rng, *, num_frames):
    """Draws a snippet.

    Args:
        footage: see `load_footage`.
        rng: NumPy random generator; the same state gives the same snippet.
        num_frames: number of frames.

    Returns:
        uint8 RGB frames `(num_frames, HEIGHT, WIDTH, 3)`, an `Annotation` of each,
        and the speeds of the objects in pixels per frame.
    """
    objects = [
        draw_object(footage, rng) for _ in range(rng.integers(1, MOST_OBJECTS + 1))
    ]
    still = footage[rng.integers(len(footage))]
    start, velocity = _draw_pan(rng, still.shape[:2], num_frames)
    instants = EXPOSURE * np.linspace(-0.5, 0.5, SUBFRAMES)
    frames, annotations = [], []
    for time in range(num_frames):
        exposed = np.mean(
            [_expose(still, start + velocity * t, objects, t) for t in time + instants],
            axis=0,
        )
        exposed += rng.normal(0, NOISE, exposed.shape)
        frames.append(np.clip(np.round(exposed), 0, 255).astype(np.uint8))
        annotations.append(
            Annotation(
                size=(HEIGHT, WIDTH),
                names=tuple(item.name for item in objects),
                boxes=np.stack([item.box(time) for item in objects]),
                tracks=np.arange(len(objects)),
            )
        )
    return np.stack(frames), annotations, [item.speed for item in objects]


# Footage is read once, when the first snippet needs it.
_FOOTAGE_LOCK = threading.Lock()
_load_once = functools.lru_cache(maxsize=1)(load_footage)


def _render(split, rng, num_frames):
    with _FOOTAGE_LOCK:
        footage = _load_once(split)
    return render_snippet(footage, rng, num_frames=num_frames)


# Snippets that motion is measured on are longer: the motion IoU tells slow from fast
# over many frames.
MOVING_OBJECTS = SnippetSet(
    "moving_objects",
    CLASSES,
    splits={"train": (800, 6), "validation": (100, 12), "test": (100, 12)},
    render=_render,
)


def _draw_pan(rng, size, num_frames):
    """Centre of the window in frame 0 and its velocity, in x and y.

    The window stays inside the frame of `size` `(height, width)`.
    """
    angle = rng.uniform(0, 2 * math.pi)
    velocity = CAMERA_SPEED * np.array([math.cos(angle), math.sin(angle)])
    reach = np.array([WIDTH, HEIGHT]) / 2 + np.abs(velocity) * num_frames / 2
    room = np.array(size[::-1]) - 2 * reach
    middle = reach + rng.uniform(size=2) * room
    return middle - velocity * (num_frames - 1) / 2, velocity


def _expose(still, centre, objects, time):
    """The view at one instant, float32 `(HEIGHT, WIDTH, 3)`."""
    import cv2

    # OpenCV counts from the middle of the first pixel.
    view = cv2.getRectSubPix(still, (WIDTH, HEIGHT), tuple(centre - 0.5))
    view = view.astype(np.float32)
    for item in objects:
        corner = item.centre(time) - len(item.sprite) / 2
        shift = np.array([[1, 0, corner[0]], [0, 1, corner[1]]])
        sprite = cv2.warpAffine(item.sprite, shift, (WIDTH, HEIGHT))
        view = view * (1 - sprite[..., 3:]) + sprite[..., :3]
    return view
