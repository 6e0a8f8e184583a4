"""Whether the shipped model goes by motion: scenes with it, and the same without.

    python -m benchmarks.movers.at_rest

Pairs of frames of the test split over the sample video that nothing was trained on. In
the pairs at rest no time passes between the frames, which differ by their noise alone:
what is found there is found by its looks.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.movers.__main__ import CAMERAS, SURE
from benchmarks.support import records
from offkeras import inference
from offkeras.data.synthetic.movers.pairs import HEIGHT, WIDTH, load_footage
from offkeras.data.synthetic.movers.scenes import draw_scene

GAPS = {"moving": 0.12, "at rest": 0.0}  # seconds from frame to frame


def count(detector, scene):
    """Sure boxes in the second frame of a scene."""
    frames = np.stack([scene.frame(number) for number in (0, 1)])
    found = detector({"frames": frames[None].astype("float32")}, training=False)
    return np.count_nonzero(np.array(found["scores"][0]) > SURE)


def main(arguments=None):
    """Writes the table and prints it."""
    csv = Path(__file__).with_suffix(".csv")
    parser = records.parser(__doc__, default=csv, numbers=(("scenes", 24),))
    parser.add_argument("--model", default="movers", help="name or folder")
    o = parser.parse_args(arguments)
    detector = inference.trained_model(o.model, "detector").load()
    footage = load_footage("", "test")
    rows = []
    for camera in CAMERAS:
        row = {"camera": camera, "scenes": o.scenes, "figures": 0, "movers": 0}
        row.update({f"found {name}": 0 for name in GAPS})
        for seed in range(o.scenes):
            for name, gap in GAPS.items():
                scene = draw_scene(
                    np.random.default_rng([1, seed]),
                    footage,
                    split="test",
                    times=np.array([0, gap]),
                    size=(HEIGHT, WIDTH),
                    camera=camera,
                )
                row[f"found {name}"] += count(detector, scene)
                if gap:
                    row["figures"] += len(scene.figures)
                    row["movers"] += len(scene.boxes(1)[0])
        rows.append({**row, **records.environment("movers.at_rest", arguments or ())})
        print(row)
    records.write(o.out, rows, same=("camera", "tensorflow"))


if __name__ == "__main__":
    main(sys.argv[1:])
