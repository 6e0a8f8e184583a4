"""Clips of windows that move over a sample video, and how many are told right."""

import numpy as np

from offkeras import data
from offkeras.data.synthetic.moving_windows import read_clip
from offkeras.models.task import fuse_scores
from offkeras.training.folder import train
from offkeras.training.prepare.class_folders import FPS
from offkeras.video import probe, write_video

TEST = "carphone_pristine.mp4"  # of which nothing is ever trained on
FRAMES, SIZE = 50, 160


def write_clips(folder, videos, motions, count, seed):
    """Writes class folders of clips.

    Args:
        folder: of the class folders.
        videos: names of sample videos, which take turns.
        motions: dict from the name of a class to signs, as of `moving_windows`.
        count: clips of a class.
        seed: text that all that is random depends on.

    Returns:
        The folder.
    """
    footage = [probe(data.sample_video(name)) for name in videos]
    for name, motion in motions.items():
        for number in range(count):
            clip = read_clip(
                footage[number % len(footage)],
                motion,
                num_frames=FRAMES,
                size=SIZE,
                seed=f"{seed} {name} {number}",
            )
            write_video(folder / name / f"{number:02}.mp4", clip, fps=FPS)
    return folder


def accuracies(recognizer, folder):
    """Accuracy of every output and of appearance + off_3, over class folders."""
    segments = train.Options.total_segments
    dataset = data.ClassFolder.open(folder).evaluate(
        batch_size=10,
        num_segments=segments,
        total_segments=segments,
        size=recognizer.input["frames"].shape[2],
    )
    right = []
    for frames, labels in dataset:
        scores = dict(recognizer({"frames": frames}, training=False))
        scores["fused"] = fuse_scores(scores)
        right.append(np.array([np.argmax(s, -1) == labels for s in scores.values()]))
    names = (*recognizer.output, "fused")
    values = np.concatenate(right, 1).mean(1)
    return {name: f"{value:.3f}" for name, value in zip(names, values, strict=True)}
