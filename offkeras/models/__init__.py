"""Functional task models."""

from offkeras.models.action_recognition import (
    TSN,
    OFFActionRecognizer,
    fuse_scores,
)
from offkeras.models.artifact_removal import DnCNN, OFFArtifactRemover

__all__ = ["TSN", "DnCNN", "OFFActionRecognizer", "OFFArtifactRemover", "fuse_scores"]
