"""Functional task models."""

from offkeras.models.action_recognition import (
    TSN,
    OFFActionRecognizer,
    fuse_scores,
)

__all__ = ["TSN", "OFFActionRecognizer", "fuse_scores"]
