"""Shipped models on footage that they were not trained on."""

import numpy as np
import pytest

from offkeras import data, inference, metrics
from offkeras.data.synthetic.movers.pairs import HEIGHT, WIDTH, load_footage
from offkeras.data.synthetic.movers.scenes import draw_scene
from offkeras.data.synthetic.moving_windows import MOTIONS, read_clip
from offkeras.metrics.detection import Detections
from offkeras.models.task import fuse_scores
from offkeras.video import probe


@pytest.mark.slow
def test_moving_camera_knows_motions_of_other_footage():
    found = inference.trained_model("moving_camera", "recognizer")
    recognizer = found.load()
    segments, interval = found.defaults["segments"], found.defaults["interval"]
    footage = probe(data.sample_video("carphone_pristine.mp4"))
    right = []
    for name, motion in MOTIONS.items():
        for seed in range(3):
            clip = read_clip(
                footage, motion, num_frames=50, size=112, seed=f"shipped {seed}"
            )
            frames = np.stack([*clip])[4::interval][:segments]
            scores = fuse_scores(recognizer({"frames": frames[None]}))
            right.append(found.class_names[int(np.argmax(scores))] == name)
    assert np.mean(right) > 0.6  # chance is 1 in 9


@pytest.mark.slow
def test_movers_are_found_before_a_moving_camera():
    detector = inference.trained_model("movers", "detector").load()
    footage = load_footage("", "test")

    def detect(*frames):
        clip = np.stack(frames)[None].astype("float32")
        found = detector({"frames": clip}, training=False)
        names = ("boxes", "scores", "classes")
        return Detections(*(np.array(found[name][0]) for name in names))

    truths, found, still = [], [], []
    for seed in range(12):
        scene = draw_scene(
            np.random.default_rng([1, seed]),
            footage,
            split="test",
            times=np.array([0, 0.12]),
            size=(HEIGHT, WIDTH),
            camera="moving",
        )
        before, frame = scene.frame(0), scene.frame(1)
        boxes, _ = scene.boxes(1)
        truths.append(Detections(boxes, np.ones(len(boxes)), np.zeros(len(boxes), int)))
        found.append(detect(before, frame))
        still.append(detect(frame, frame))
    (movers,) = metrics.evaluate_detections(
        truths, found, num_classes=1, pixel_tolerance=None, iou=0.3
    )
    assert movers.num_objects > 20 and movers.average_precision > 0.4
    # It goes by motion, though not by motion alone.
    sure, sure_of_still = (
        sum(np.count_nonzero(frame.scores > 0.5) for frame in frames)
        for frames in (found, still)
    )
    assert sure_of_still < 0.8 * sure
