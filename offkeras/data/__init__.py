"""Video data: decode, sample, augment, batch."""

from offkeras.data._sample_videos import sample_video
from offkeras.data.augment import center_crop, multi_scale_crop, random_flip
from offkeras.data.camera_motion import CameraMotion
from offkeras.data.class_folder import ClassFolder
from offkeras.data.sampling import test_indices, train_indices
from offkeras.data.septuplets import Septuplets
from offkeras.data.video import (
    VideoError,
    iterate_frames,
    probe,
    read_frames,
    write_video,
)

__all__ = [
    "CameraMotion",
    "ClassFolder",
    "Septuplets",
    "VideoError",
    "center_crop",
    "iterate_frames",
    "multi_scale_crop",
    "probe",
    "random_flip",
    "read_frames",
    "sample_video",
    "test_indices",
    "train_indices",
    "write_video",
]
