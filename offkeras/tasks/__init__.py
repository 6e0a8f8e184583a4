"""Models with all that it takes to use them: classes, losses, training, presets."""

from offkeras.tasks.video_classifier import VideoClassifier

__all__ = ["VideoClassifier"]
