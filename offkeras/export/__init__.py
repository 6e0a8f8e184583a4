"""Trained models for TF Serving and other runtimes."""

from offkeras.export.saved_model import saved_model

__all__ = ["saved_model"]
