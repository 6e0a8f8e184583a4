"""Septuplets cut from videos, and the embedded compressed clips.

The embedded set is cut from three real videos at 448x256, as Vimeo-90K is. Its
splits share no scene: `train`, `validation` (to choose settings by), `test` (a
held-out scene of a training video) and `out_of_domain` (another video).
"""

import functools
import random
from pathlib import Path

import numpy as np

from offkeras.data.restoration import septuplet_files
from offkeras.data.sample_videos import sample_video
from offkeras.data.synthetic import moving_windows
from offkeras.video.small import cuts

# Split -> frames between two clips and (file, first frame, end frame). Clips that
# begin 5 frames apart show every frame once among their frames 2..6.
SPLITS = {
    "train": (
        5,
        (("bikes.mp4", 0, 30), ("bikes.mp4", 76, 187), ("bigbuckbunny.mp4", 0, 70)),
    ),
    "validation": (4, (("bikes.mp4", 30, 76),)),
    "test": (4, (("bikes.mp4", 187, 242),)),
    "out_of_domain": (8, (("carphone_pristine.mp4", 0, None),)),
}
# `train_sizes` has the clips of `train` at these sizes too, since the smaller a frame,
# the finer its detail; in `train_colors` these have red, green and blue exchanged: two
# videos have few colours, and codecs of 4:2:0 treat each in its way.
SMALLER_SIZES = {(192, 336): (1, 2, 0), (128, 224): (2, 0, 1)}
# Videos smaller than this are not enlarged, which would hide their artifacts.
OWN_SIZE = ("carphone_pristine.mp4",)

# A moved photograph: height and width of its frames, and the frames of a whole path,
# of which a clip is seven: it moves by 4 pixels per frame at most.
PHOTOGRAPH, PATH = 256, 60


def cut_septuplets(frames, *, stride=septuplet_files.LENGTH):
    """Cuts a video into clips of seven frames, none across a scene cut.

    Args:
        frames: iterable of uint8 RGB arrays of one size.
        stride: frames between the beginnings of two clips.

    Yields:
        uint8 arrays `(7, height, width, 3)`.
    """
    clip, skip = [], 0
    previous = None
    for frame in frames:
        small = cuts.blocks(frame)
        if previous is not None and cuts.is_cut(previous, small):
            clip, skip = [], 0
        previous = small
        if skip:
            skip -= 1
            continue
        clip.append(frame)
        if len(clip) == septuplet_files.LENGTH:
            yield np.stack(clip)
            clip, skip = clip[stride:], max(stride - septuplet_files.LENGTH, 0)


def write_septuplets(root, video, frames, *, stride=septuplet_files.LENGTH):
    """Writes the clips of one video below `sequences`; clips there are kept.

    Args:
        root: folder of the dataset.
        video: name of the video: `video/0001` is its first clip.
        frames: see `cut_septuplets`.
        stride: see `cut_septuplets`.

    Returns:
        Names of the clips.
    """
    clips = []
    cut = cut_septuplets(frames, stride=stride)
    for number, clip in enumerate(cut, start=1):
        clips.append(f"{video}/{number:04}")
        folder = Path(root, septuplet_files.CLEAN, clips[-1])
        if not folder.exists():
            septuplet_files.write_clip(folder, clip)
    return clips


def write_photograph(root, photograph, name, *, clips):
    """Writes clips of a camera that moves over a photograph; clips there are kept.

    Args:
        root: folder of the dataset.
        photograph: uint8 RGB `(H, W, 3)`.
        name: `photograph_name/0001` is the first clip.
        clips: how many. Each has a direction, a speed and a place of its own.

    Returns:
        Names of the clips.
    """
    names = [f"photograph_{name}/{number:04}" for number in range(1, clips + 1)]
    for clip in names:
        folder = Path(root, septuplet_files.CLEAN, clip)
        if not folder.exists():
            septuplet_files.write_clip(folder, np.stack(_moved(photograph, clip)))
    return names


def _moved(photograph, seed):
    """Seven frames of a camera whose way over a photograph is random."""
    rng = random.Random(seed)
    motion = {way: rng.uniform(-1, 1) for way in moving_windows.PATHS}
    height, width = photograph.shape[:2]
    windows = moving_windows.path(motion, height, width, PATH, seed)
    first = rng.randrange(PATH - septuplet_files.LENGTH)
    return [
        moving_windows.render(photograph, window, PHOTOGRAPH)
        for window in windows[first : first + septuplet_files.LENGTH]
    ]


def write_embedded(root, *, ffmpeg):
    """Writes the clean clips of the embedded set and its lists.

    What is there already is kept: a list is written after its clips.

    Args:
        root: folder of the dataset. Compress it with `compression`.
        ffmpeg: a `compression.FFmpeg`.
    """

    @functools.cache
    def read(name, size):
        return list(ffmpeg.read(sample_video(name), size=size))

    def write(split, sizes, exchange=False):
        stride, sources = SPLITS[split]
        clips = []
        for name, first, end in sources:
            for size in [None] if name in OWN_SIZE else sizes:
                frames = read(name, size)[first:end]
                video = f"{Path(name).stem}_{first}"
                if size in SMALLER_SIZES:
                    video += f"_{size[0]}{'_exchanged' * exchange}"
                if size in SMALLER_SIZES and exchange:
                    frames = [frame[..., SMALLER_SIZES[size]] for frame in frames]
                clips += write_septuplets(root, video, frames, stride=stride)
        return clips

    lists = {split: (split, [septuplet_files.VIMEO_SIZE]) for split in SPLITS}
    lists["train_sizes"] = ("train", [septuplet_files.VIMEO_SIZE, *SMALLER_SIZES])
    lists["train_colors"] = (*lists["train_sizes"], True)
    for name, arguments in lists.items():
        if not Path(root, f"sep_{name}list.txt").exists():
            septuplet_files.write_list(root, name, write(*arguments))
