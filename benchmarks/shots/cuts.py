"""Cuts that are found, wrongly found and missed, on videos whose cuts are known.

    python -m benchmarks.shots.cuts --out benchmarks/shots/cuts.csv

Videos of every kind in `footage` are written as H.264 and read back. Next to
`mark_cuts` stand the rule of two frames that septuplets are cut by, and PySceneDetect
where it is installed (`pip install scenedetect`). The constants of `mark_cuts` were
chosen on the videos 0 to 5 of a kind; those measured here begin at 100.
"""

import collections
import importlib.util
import itertools
import sys
import tempfile
from pathlib import Path

from benchmarks.shots import footage
from benchmarks.support import records
from offkeras.video import write_video
from offkeras.video.small import cuts
from offkeras.video.small.scaled import iterate_scaled

FIRST = 100
SIDE = 128  # pixels of the shorter side of what `mark_cuts` sees
CODEC = {"crf": "26", "preset": "veryfast"}
NEAR = collections.defaultdict(lambda: 1, fades=20, dissolves=10)  # frames
LINE = "{kind:14}{method:22}precision {precision}, recall {recall} of {cuts} cuts"


def around(path):
    """`mark_cuts`."""
    frames = (frame for _, frame in iterate_scaled(path, SIDE))
    marked = cuts.mark_cuts(frames, lambda frame: frame)
    return [number for number, (_, begins) in enumerate(marked) if begins]


def two_frames(path):
    """`is_cut`."""
    small = [cuts.blocks(frame) for _, frame in iterate_scaled(path, SIDE)]
    pairs = enumerate(itertools.pairwise(small), start=1)
    return [number for number, pair in pairs if cuts.is_cut(*pair)]


def scenedetect(name):
    """A detector of PySceneDetect, told that a shot has as many frames as here."""

    def find(path):
        import scenedetect

        detector = getattr(scenedetect, name)(min_scene_len=cuts.AROUND)
        scenes = scenedetect.detect(str(path), detector)
        return [start.frame_num for start, _ in scenes][1:]

    return find


def methods():
    """What finds cuts, by name."""
    found = {"mark_cuts": around, "is_cut": two_frames}
    if importlib.util.find_spec("scenedetect"):
        for name in ("AdaptiveDetector", "ContentDetector"):
            found[name] = scenedetect(name)
    return found


def hits(found, true, near):
    """How many cuts are found, each by one that is at most `near` frames away."""
    left, count = list(true), 0
    for place in found:
        nearest = min(left, key=lambda cut: abs(cut - place), default=None)
        if nearest is not None and abs(nearest - place) <= near:
            left.remove(nearest)
            count += 1
    return count


def measure(kind, count, folder):
    """Rows of a kind."""
    totals = {name: [0, 0, 0] for name in methods()}
    for number in range(FIRST, FIRST + count):
        frames, true = footage.make(kind, number)
        path = Path(folder, f"{kind}_{number}.mp4")
        write_video(path, frames, fps=footage.FPS, options=CODEC)
        for name, find in methods().items():
            found = find(path)
            counts = hits(found, true, NEAR[kind]), len(found), len(true)
            totals[name] = [a + b for a, b in zip(totals[name], counts, strict=True)]
    return [
        {
            "kind": kind,
            "method": name,
            "videos": count,
            "cuts": true,
            "found": found,
            "right": right,
            "precision": f"{right / found:.3f}" if found else "",
            "recall": f"{right / true:.3f}",
        }
        for name, (right, found, true) in totals.items()
    ]


def main(arguments=None):
    """Writes the table and prints it."""
    numbers = (("videos", 6),)
    o = records.parser(__doc__, numbers=numbers).parse_args(arguments)
    environment = records.environment()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in footage.KINDS:
            rows += measure(kind, o.videos, folder)
    records.report(o.out, [{**row, **environment} for row in rows], LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
