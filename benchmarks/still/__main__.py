"""What `--skip-still` saves on a camera that stands still, and what it costs.

    python -m benchmarks.still --out benchmarks/still.csv

A made film, since no footage of a street at rest may be had: a frame of bikes.mp4
stands for the street; patches of carphone cross it at walking pace
for a share of the time; light drifts, each frame has noise of two levels, and the film
is H.264 at crf 26. Windows agree where the label of the full run is that of the other.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.support import records
from offkeras import data, inference
from offkeras.inference.stillness import LEVELS

FPS, BLOCK = 25, 5  # frames per second, seconds of passing or of rest in a row
SHARES = (0.0, 0.2, 0.4, 0.8)
PATCH, NOISE, DRIFT, MINUTE = (100, 60), 2.0, 6.0, 60.0


def film(path, seconds, share):
    """Writes a film in which something passes for a share of the time."""
    rng = np.random.default_rng(0)
    street = data.read_frames(data.sample_video("bikes.mp4"), [0])[0].astype(np.float32)
    carphone = data.sample_video("carphone_pristine.mp4")
    passing = data.read_frames(carphone, range(0, 120, 10))
    height, width = street.shape[:2]
    rows = int(height * 0.55)
    noise = rng.normal(0, NOISE, (16, *street.shape)).astype(np.float32)

    def frames():
        for number in range(round(seconds * FPS)):
            now = number / FPS
            picture = street + DRIFT * np.sin(2 * np.pi * now / MINUTE)
            block, within = divmod(now, BLOCK)
            if (block % 5) / 5 < share:
                patch = passing[int(block) % len(passing), : PATCH[0], : PATCH[1]]
                left = int(within / BLOCK * (width - PATCH[1]))
                picture[rows : rows + PATCH[0], left : left + PATCH[1]] = patch
            picture += noise[rng.integers(len(noise))]
            yield picture.round().clip(0, 255).astype(np.uint8)

    data.write_video(path, frames(), fps=FPS, options={"crf": "26"})


def measure(seconds, share, model):
    """A row of the table."""
    trained = inference.trained_model(model)
    recognizer = trained.load()
    window = dict(num_segments=trained.defaults["segments"])
    window["interval"] = trained.defaults["interval"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "street.mp4")
        film(path, seconds, share)
        runs, took = [], []
        for levels in (None, None, LEVELS):  # the first builds the graphs
            start = time.process_time()
            window["skip_still"] = levels
            runs.append([*inference.classify(path, recognizer, **window)])
            took.append(time.process_time() - start)
    _, full, skipped = runs
    agree = [a.label == b.label for a, b in zip(full, skipped, strict=True)]
    return {
        "model": model,
        "passing": share,
        "seconds": seconds,
        "windows": len(full),
        "skipped": f"{np.mean([p.repeated for p in skipped]):.3f}",
        "agreement": f"{np.mean(agree):.4f}",
        "processor_s_full": f"{took[1]:.1f}",
        "processor_s": f"{took[2]:.1f}",
    }


def main(arguments=None):
    """Command line."""
    parser = records.parser(__doc__, numbers=[("seconds", 120)])
    parser.add_argument("--model", default="moving_camera")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    options = parser.parse_args(arguments)
    for share in options.shares:
        row = measure(options.seconds, share, options.model)
        print(row, flush=True)
        row |= records.environment()
        records.write(options.out, [row], same=("model", "passing", "seconds"))


if __name__ == "__main__":
    main()
