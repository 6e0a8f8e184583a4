"""Models with all that it takes to use them: classes, losses, training, presets."""

from offkeras.tasks.video_classifier import VideoClassifier
from offkeras.tasks.video_detector import VideoDetector
from offkeras.tasks.video_restorer import VideoRestorer

__all__ = ["VideoClassifier", "VideoDetector", "VideoRestorer"]
