"""Pictures that no shipped restorer was trained on, and none is tested on."""

import numpy as np
import PIL.Image

from offkeras import data
from offkeras.data.restoration import compressed_clips

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")
WINDOW, STEP = (128, 192), (1, 2)  # rows and columns of a moved photograph
FRAMES = 7


def read_footage():
    """Clips by name, uint8 RGB `(T, H, W, 3)`: a held-out scene and photographs."""
    clips = {"scene": _scene()}
    for name in PHOTOGRAPHS:
        clips[name.partition(".")[0]] = _moved(name)
    return clips


def _scene():
    """The scene that `compressed_clips` keeps to choose settings by: a part."""
    _, ((name, first, _),) = compressed_clips.SPLITS["validation"]
    frames = data.read_frames(data.sample_video(name), range(first, first + FRAMES))
    return frames[:, : WINDOW[0], : WINDOW[1]]


def _moved(name):
    """A window that moves over a photograph."""
    import skimage.data

    image = PIL.Image.open(f"{skimage.data.data_dir}/{name}").convert("RGB")
    image = np.asarray(image)
    rows, columns = (WINDOW[i] + STEP[i] * (FRAMES - 1) for i in (0, 1))
    if image.shape[0] < rows or image.shape[1] < columns:
        raise ValueError(f"Expected {name} to have {columns}x{rows} pixels or more.")
    return np.stack(
        [
            image[STEP[0] * i :, STEP[1] * i :][: WINDOW[0], : WINDOW[1]]
            for i in range(FRAMES)
        ]
    )
