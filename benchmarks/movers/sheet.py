"""Draws the picture of the documentation: scenes of the test, and what is found there.

python -m benchmarks.movers.sheet docs/movers.png
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.movers.__main__ import FPS, FRAMES, SIZE
from offkeras import inference
from offkeras.data.synthetic.movers.pairs import load_footage
from offkeras.data.synthetic.movers.scenes import draw_scene
from offkeras.storage.writing import written_whole
from offkeras.video import write_video

SEEDS = {"still": (6, 8), "moving": (2, 5)}  # of scenes that show much
SHOWN = 50  # number of the frame


def draw_found(camera, seed, trained, model, footage):
    """A frame with the boxes of the model, uint8 RGB."""
    scene = draw_scene(
        np.random.default_rng([99, seed]),
        footage,
        split="test",
        times=np.arange(FRAMES) / FPS,
        size=SIZE,
        camera=camera,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scene.mp4")
        write_video(path, (scene.frame(n) for n in range(SHOWN + 1)), fps=FPS)
        options = trained.detection_options()
        stream = inference.detect_frames(path, model, **options)
        pictures = inference.draw_detections(stream, trained.class_names)
        *_, last = pictures
    return last


def main(argv=None):
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="movers")
    o = parser.parse_args(argv)
    trained = inference.trained_model(o.model, "detector")
    model = trained.load()
    footage = load_footage("", "test", SIZE[0])
    rows = [
        np.hstack([draw_found(camera, seed, trained, model, footage) for seed in seeds])
        for camera, seeds in SEEDS.items()
    ]
    sheet = cv2.resize(
        np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    )
    with written_whole(o.out) as temporary:
        cv2.imwrite(str(temporary), sheet[..., ::-1])


if __name__ == "__main__":
    main()
