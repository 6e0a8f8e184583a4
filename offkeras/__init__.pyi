from . import (
    backbones,
    data,
    export,
    inference,
    layers,
    metrics,
    modalities,
    models,
    presets,
    storage,
    tasks,
    training,
    video,
    weights,
)
from .tasks.video_classifier import VideoClassifier
from .tasks.video_detector import VideoDetector
from .tasks.video_restorer import VideoRestorer

__all__ = [
    "VideoClassifier",
    "VideoDetector",
    "VideoRestorer",
    "backbones",
    "data",
    "export",
    "inference",
    "layers",
    "metrics",
    "modalities",
    "models",
    "presets",
    "storage",
    "tasks",
    "training",
    "video",
    "weights",
]
