"""Video data: decode, sample, augment, batch."""

from offkeras.data._sample_videos import sample_video
from offkeras.data.acceleration import Acceleration
from offkeras.data.action_datasets import (
    ActionSplit,
    ActionVideo,
    class_folders,
    hmdb51,
    tsn_list,
    ucf101,
)
from offkeras.data.augment import (
    center_crop,
    multi_scale_crop,
    random_flip,
    ten_crops,
)
from offkeras.data.camera_motion import CameraMotion
from offkeras.data.class_folder import ClassFolder
from offkeras.data.coco_vid import load_coco_vid
from offkeras.data.detection import AnnotatedFrame, DetectionVideos, Video
from offkeras.data.prepared_videos import PreparedVideos
from offkeras.data.sampling import segment_indices, test_indices, train_indices
from offkeras.data.septuplets import Septuplets
from offkeras.data.vid import load_imagenet_vid
from offkeras.data.vid_classes import IMAGENET_VID_CLASSES, read_classes
from offkeras.data.video import (
    VideoError,
    iterate_frames,
    probe,
    read_frames,
    write_video,
)

__all__ = [
    "IMAGENET_VID_CLASSES",
    "Acceleration",
    "ActionSplit",
    "ActionVideo",
    "AnnotatedFrame",
    "CameraMotion",
    "ClassFolder",
    "DetectionVideos",
    "PreparedVideos",
    "Septuplets",
    "Video",
    "VideoError",
    "center_crop",
    "class_folders",
    "hmdb51",
    "iterate_frames",
    "load_coco_vid",
    "load_imagenet_vid",
    "multi_scale_crop",
    "probe",
    "random_flip",
    "read_classes",
    "read_frames",
    "sample_video",
    "segment_indices",
    "ten_crops",
    "test_indices",
    "train_indices",
    "tsn_list",
    "ucf101",
    "write_video",
]
