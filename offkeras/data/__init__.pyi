from .actions.class_folder import ClassFolder
from .actions.official_splits import (
    ActionSplit,
    ActionVideo,
    class_folders,
    hmdb51,
    tsn_list,
    ucf101,
)
from .actions.prepared_videos import PreparedVideos
from .actions.video_dataset import video_dataset_from_directory
from .augment import (
    center_crop,
    multi_scale_crop,
    random_flip,
    ten_crops,
)
from .detection.classes import IMAGENET_VID_CLASSES, read_classes
from .detection.coco_vid import load_coco_vid
from .detection.imagenet_vid import load_imagenet_vid
from .detection.videos import AnnotatedFrame, DetectionVideos, Video
from .order import Stream
from .pydataset.video_py_dataset import VideoPyDataset
from .restoration.septuplets import Septuplets
from .sample_videos import sample_video
from .sampling import evaluation_indices, segment_indices, train_indices
from .synthetic.acceleration import Acceleration
from .synthetic.appearance_motion import AppearanceMotion
from .synthetic.camera_motion import CameraMotion
from .synthetic.human_actions import HumanActions

__all__ = [
    "IMAGENET_VID_CLASSES",
    "Acceleration",
    "ActionSplit",
    "ActionVideo",
    "AnnotatedFrame",
    "AppearanceMotion",
    "CameraMotion",
    "ClassFolder",
    "DetectionVideos",
    "HumanActions",
    "PreparedVideos",
    "Septuplets",
    "Stream",
    "Video",
    "VideoPyDataset",
    "center_crop",
    "class_folders",
    "hmdb51",
    "load_coco_vid",
    "load_imagenet_vid",
    "multi_scale_crop",
    "random_flip",
    "read_classes",
    "sample_video",
    "segment_indices",
    "ten_crops",
    "evaluation_indices",
    "train_indices",
    "tsn_list",
    "ucf101",
    "video_dataset_from_directory",
]
