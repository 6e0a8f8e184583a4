"""Writes clips of nine camera motions, a folder per class, over footage.

    offkeras prepare camera_motion --out runs/motions
    offkeras train runs/motions --output runs/camera_motion

The footage is that of two of the sample videos, or `--videos` of one's own, and the
photographs of `--photographs`, by turns.
"""

import dataclasses
from pathlib import Path

from offkeras import data
from offkeras.data.synthetic.moving_windows import MOTIONS, read_clip
from offkeras.training import options
from offkeras.training.options import option
from offkeras.training.prepare.class_folders import write_class_folders
from offkeras.training.prepare.photographs import read_photographs
from offkeras.video import probe
from offkeras.video.search import find_videos

# The third of the sample videos is left to test on.
SAMPLES = ("bikes.mp4", "bigbuckbunny.mp4")


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults."""

    out: str = option("runs/motions", "folder of the class folders")
    videos: str = option("", "folder or file of footage; default: sample videos")
    photographs: str = option("", "folder of images to use as well")
    motions: str = option(",".join(MOTIONS), "the classes")
    clips: int = option(60, "clips of a class", least=1)
    frames: int = option(50, "frames of a clip", least=2)
    size: int = option(160, "height and width in pixels", least=32)
    seed: int = option(0, "another seed gives other clips")


@options.bad_input()
def main(argv=None, *, prog=None):
    """Writes the clips that are not there."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    motions = o.motions.split(",")
    unknown = [name for name in motions if name not in MOTIONS]
    if unknown:
        raise ValueError(
            f"Expected --motions among {', '.join(MOTIONS)}. Received: {unknown[0]!r}."
        )
    footage = [[probe(path) for path in _videos(o.videos)]]
    if o.photographs:
        footage.append([image for _, image in read_photographs(o.photographs, o.size)])

    def clip(name, number):
        turn, kind = divmod(number, len(footage))
        return read_clip(
            footage[kind][turn % len(footage[kind])],
            MOTIONS[name],
            num_frames=o.frames,
            size=o.size,
            seed=f"{o.seed} {name} {number}",
        )

    write_class_folders(o.out, motions, o.clips, clip)


def _videos(videos):
    """Paths of the videos to look at."""
    if not videos:
        return [data.sample_video(name) for name in SAMPLES]
    path = Path(videos)
    found = [path] if path.is_file() else find_videos(path) if path.is_dir() else []
    if not found:
        raise ValueError(f"Expected a video or a folder of videos. Received: {videos}.")
    return found
