"""A video file in, frames out; frames in, a video file out.

Neither TensorFlow nor Keras is needed.
"""

from offkeras.video.container import VideoError
from offkeras.video.live.stream import LivePicture, LiveStream
from offkeras.video.reading import (
    VideoInfo,
    iterate_frames,
    probe,
    read_frames,
)
from offkeras.video.writing import write_video

__all__ = [
    "LivePicture",
    "LiveStream",
    "VideoError",
    "VideoInfo",
    "iterate_frames",
    "probe",
    "read_frames",
    "write_video",
]
