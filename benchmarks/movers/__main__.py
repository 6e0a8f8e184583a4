"""What moves by itself: the shipped model beside what needs no network.

    python -m benchmarks.movers --backgrounds datasets/photographs/train

Scenes of the test split, 768x576, three seconds each, seen by cameras that stand still
and by cameras that move: people and backgrounds that nothing was trained on. All
systems see the same video files in one run; their second halves count.
"""

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.movers.systems import SYSTEMS
from benchmarks.support import records
from offkeras import inference
from offkeras.data.synthetic.movers.pairs import load_footage
from offkeras.data.synthetic.movers.scenes import draw_scene
from offkeras.metrics import evaluate_detections, evaluate_ranges
from offkeras.metrics.detection import Detections
from offkeras.video import iterate_frames, write_video

SIZE, FPS, FRAMES = (576, 768), 25, 75
CAMERAS = ("still", "moving")
COUNTED = range(FRAMES // 2, FRAMES, 5)  # frames
SURE = 0.5  # score of the model from which its boxes count for recall
HEIGHTS = {"under_50": (0, 50), "50_to_120": (50, 120), "over_120": (120, np.inf)}
LINE = (
    "{camera:8}{system:20}AP30 {ap_30}, AP50 {ap_50}, recall under 50 pixels "
    "{recall_under_50}, over 120 {recall_over_120}, {ms} ms per frame"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """The boxes of a frame, as metrics take them."""

    boxes: np.ndarray
    classes: np.ndarray


def write_scenes(folder, camera, count, footage):
    """Writes videos; returns their paths and a `Truth` of each frame that counts."""
    paths, truths = [], []
    for number in range(count):
        scene = draw_scene(
            np.random.default_rng([CAMERAS.index(camera), number]),
            footage,
            split="test",
            times=np.arange(FRAMES) / FPS,
            size=SIZE,
            camera=camera,
        )
        paths.append(Path(folder, f"{camera}_{number}.mp4"))
        write_video(paths[-1], (scene.frame(n) for n in range(FRAMES)), fps=FPS)
        for frame in COUNTED:
            boxes, _ = scene.boxes(frame)
            truths.append(Truth(boxes, np.zeros(len(boxes), np.int32)))
    return paths, truths


def without_network(make):
    """A system of `SYSTEMS` from the path of a video to detections of its frames."""

    def run(path):
        system = make()
        return [system(frame) for _, frame in iterate_frames(path)]

    return run


def with_network(trained):
    """The same of a trained detector, as `offkeras detect` runs it."""
    model = trained.load()
    options = {**trained.detection_options(), "min_score": 0.0}
    return lambda path: list(inference.detect(path, model, **options))


def measure(run, paths):
    """Detections of the frames that count, and milliseconds per frame."""
    run(paths[0])  # a warm-up
    found, seconds = [], 0.0
    for path in paths:
        start = time.perf_counter()
        of_frames = run(path)
        seconds += time.perf_counter() - start
        found += [of_frames[number] for number in COUNTED]
    return found, 1000 * seconds / len(paths) / FRAMES


def figures(found, truths, sure):
    """Average precision, and recall by height at an IoU of 0.3, in percent."""
    common = dict(num_classes=1, pixel_tolerance=None)
    row = {}
    for iou in (0.3, 0.5):
        (movers,) = evaluate_detections(truths, found, iou=iou, **common)
        row[f"ap_{round(100 * iou)}"] = 100 * movers.average_precision
    heights = [truth.boxes[:, 3] - truth.boxes[:, 1] for truth in truths]
    kept = []
    for frame in found:
        good = frame.scores >= sure
        kept.append(
            Detections(frame.boxes[good], frame.scores[good], frame.classes[good])
        )
    by_height = evaluate_ranges(truths, kept, heights, HEIGHTS, iou=0.3, **common)
    for name, (movers,) in by_height.items():
        row[f"recall_{name}"] = 100 * movers.recall.max(initial=0)
    row["boxes_per_frame"] = np.mean([len(frame.scores) for frame in kept])
    row["movers_per_frame"] = np.mean([len(truth.boxes) for truth in truths])
    return {name: f"{value:.1f}" for name, value in row.items()}


def main(arguments=None):
    """Writes the table and prints it."""
    csv = Path(__file__).parent.with_suffix(".csv")
    parser = records.parser(__doc__, default=csv, numbers=(("scenes", 20),))
    parser.add_argument("--model", default="movers", help="name or folder")
    parser.add_argument("--backgrounds", default="", help="folder of photographs")
    o = parser.parse_args(arguments)
    footage = load_footage(o.backgrounds, "test", SIZE[0])
    trained = inference.trained_model(o.model, "detector")
    systems = {
        "OFF": (with_network(trained), SURE),
        **{name: (without_network(make), 0) for name, make in SYSTEMS.items()},
    }
    rows = []
    for camera in CAMERAS:
        with tempfile.TemporaryDirectory() as folder:
            paths, truths = write_scenes(folder, camera, o.scenes, footage)
            for name, (run, sure) in systems.items():
                found, milliseconds = measure(run, paths)
                rows.append(
                    {
                        "camera": camera,
                        "system": name,
                        "scenes": o.scenes,
                        **figures(found, truths, sure),
                        "ms": f"{milliseconds:.1f}",
                        **records.environment("movers", arguments or ()),
                    }
                )
                print(LINE.format(**rows[-1]))
    records.write(o.out, rows, same=("camera", "system", "tensorflow"))


if __name__ == "__main__":
    main(sys.argv[1:])
