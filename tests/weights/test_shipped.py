"""Shipped recognizers on footage that they were not trained on."""

import numpy as np
import pytest

from offkeras import data, inference
from offkeras.data.synthetic.moving_windows import MOTIONS, read_clip
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
