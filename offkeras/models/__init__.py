"""Functional task models."""

from offkeras.models.action_recognition import (
    TSN,
    OFFActionRecognizer,
)
from offkeras.models.artifact_removal import DnCNN, OFFArtifactRemover
from offkeras.models.detection_training import detection_trainer
from offkeras.models.loading import load_model
from offkeras.models.object_detection import RFCN, OFFVideoDetector
from offkeras.models.streaming import streaming
from offkeras.models.task import backbone_of, fuse_scores, task_of

__all__ = [
    "RFCN",
    "TSN",
    "DnCNN",
    "OFFActionRecognizer",
    "OFFArtifactRemover",
    "OFFVideoDetector",
    "backbone_of",
    "detection_trainer",
    "fuse_scores",
    "load_model",
    "streaming",
    "task_of",
]
