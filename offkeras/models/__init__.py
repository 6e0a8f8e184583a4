"""Functional task models."""

from offkeras.models.action_recognition import (
    MODALITIES,
    TSN,
    OFFActionRecognizer,
    fuse_scores,
)
from offkeras.models.artifact_removal import DnCNN, OFFArtifactRemover
from offkeras.models.detection_streaming import detection_streaming
from offkeras.models.detection_training import detection_trainer
from offkeras.models.loading import load_model
from offkeras.models.object_detection import RFCN, OFFVideoDetector

__all__ = [
    "MODALITIES",
    "RFCN",
    "TSN",
    "DnCNN",
    "OFFActionRecognizer",
    "OFFArtifactRemover",
    "OFFVideoDetector",
    "detection_streaming",
    "detection_trainer",
    "fuse_scores",
    "load_model",
]
