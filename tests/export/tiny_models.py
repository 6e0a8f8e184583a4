"""One small model a task, with weights that make every output matter."""

import functools

import keras
import numpy as np

from offkeras import backbones, data, models
from tests.support.helpers import randomize

CLASS_NAMES = ("walk", "run")
SIZES = {
    "recognizer": (32, 32),
    "restorer": (24, 32),
    "detector": (64, 96),
}
NUM_SEGMENTS = {"recognizer": 4, "restorer": 3, "detector": 2}
TASKS = tuple(SIZES)


@functools.cache
def model(task):
    """The model of a task: frames of open size where the task has them."""
    keras.utils.set_random_seed(0)
    return {"recognizer": recognizer, "restorer": restorer, "detector": detector}[
        task
    ]()


def recognizer(channels=3, modality="rgb", **options):
    images = keras.Input((32, 32, channels), name="images")
    x = keras.layers.Rescaling(1 / 255, name="rescale")(images)
    pyramid = {}
    for level, filters in enumerate((8, 16, 16), start=1):
        x = keras.layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="same",
            activation="relu",
            name=f"conv_{level}",
        )(x)
        pyramid[f"level_{level}"] = x
    backbone = keras.Model(images, pyramid, name="backbone")
    network = models.OFFActionRecognizer(
        len(CLASS_NAMES),
        num_segments=None,
        modality=modality,
        backbone=backbone,
        levels=[(name,) for name in pyramid],
        filters=8,
        **options,
    )
    randomize(network)
    return network


def restorer(num_frames=3):
    network = models.OFFArtifactRemover(
        num_frames, width=8, head_convs=1, refine_convs=1, tail_convs=3
    )
    # Xavier-like, so that a restoration is not its input and stays near 0..255.
    randomize(network)
    for layer in network.get_layer("tail").layers:
        if layer.name == "artifacts":
            layer.kernel.assign(0.1 * layer.kernel)
    return network


def detector(num_candidates=50, **options):
    network = models.OFFVideoDetector(
        len(CLASS_NAMES),
        backbone=backbones.TinyResNet(filters=(4, 8, 16)),
        channels=16,
        dilation=1,
        filters=4,
        anchor_scales=(2, 4),
        num_candidates=num_candidates,
        num_proposals=10,
        max_detections=20,
        pooling="integral",
        **options,
    )
    randomize(network)
    return network


@functools.cache
def clips(task, count=3, num_frames=None):
    """Real frames, `(count, T, H, W, 3)`, uint8."""
    num_frames = num_frames or NUM_SEGMENTS[task]
    height, width = SIZES[task]
    indices = np.arange(count * num_frames)
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), indices)
    frames = frames[:, 40 : 40 + height, 40 : 40 + width]
    return frames.reshape(count, num_frames, height, width, 3)
