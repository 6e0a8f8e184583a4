from .classification import (
    classify,
    classify_frames,
    classify_video,
)
from .detection import (
    FrameDetections,
    detect,
    detect_frames,
)
from .drawing.activation import activation_maps, draw_activation
from .drawing.detections import draw_detections
from .drawing.motion import draw_motion, motion_maps
from .drawing.plots import draw_confusion_matrix, draw_restoration
from .drawing.predictions import draw_predictions
from .drawing.window import Window
from .film.shots import Shot, shots
from .live import classify_live, detect_live
from .restoration.choice import restorer_for
from .restoration.images import restore_images
from .restoration.videos import restore, restore_file, restore_preview
from .restoration.worth import WorthRestoring
from .results import (
    action_row,
    csv_writer,
    frame_row,
    json_writer,
    read_confusion,
    shot_row,
)
from .serving import GrpcClient, RestClient, ServingError
from .sources import Camera, Isolated, LiveStream, iterate_source, measure
from .tracks import Tracker
from .trained import TrainedModel, model_names, trained_model
from .windows import Prediction

__all__ = [
    "Camera",
    "FrameDetections",
    "GrpcClient",
    "Isolated",
    "LiveStream",
    "Prediction",
    "RestClient",
    "ServingError",
    "Shot",
    "Tracker",
    "TrainedModel",
    "Window",
    "WorthRestoring",
    "action_row",
    "activation_maps",
    "classify",
    "classify_frames",
    "classify_live",
    "classify_video",
    "csv_writer",
    "detect",
    "detect_frames",
    "detect_live",
    "draw_activation",
    "draw_confusion_matrix",
    "draw_detections",
    "draw_motion",
    "draw_predictions",
    "draw_restoration",
    "frame_row",
    "iterate_source",
    "json_writer",
    "measure",
    "model_names",
    "motion_maps",
    "read_confusion",
    "restore",
    "restore_file",
    "restore_images",
    "restore_preview",
    "restorer_for",
    "shot_row",
    "shots",
    "trained_model",
]
