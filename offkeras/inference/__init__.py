"""A video in, a result out."""

from offkeras.inference.activation import activation_maps, draw_activation
from offkeras.inference.classify import (
    Prediction,
    annotate,
    classify,
    classify_frames,
    classify_video,
    draw_predictions,
)
from offkeras.inference.detect import (
    FrameDetections,
    annotate_detections,
    detect,
    detect_frames,
)
from offkeras.inference.detection_drawing import draw_detections
from offkeras.inference.motion import draw_motion, motion_maps
from offkeras.inference.plots import draw_confusion_matrix, draw_restoration
from offkeras.inference.restore import restore, restore_file, restore_images
from offkeras.inference.results import (
    action_row,
    csv_writer,
    frame_row,
    json_writer,
    read_confusion,
)
from offkeras.inference.serving import GrpcClient, RestClient, ServingError
from offkeras.inference.sources import Camera, Isolated, iterate_source, measure
from offkeras.inference.tracks import Tracker
from offkeras.inference.trained import TrainedModel, model_names, trained_model

__all__ = [
    "Camera",
    "FrameDetections",
    "GrpcClient",
    "Isolated",
    "Prediction",
    "RestClient",
    "ServingError",
    "Tracker",
    "TrainedModel",
    "action_row",
    "activation_maps",
    "annotate",
    "annotate_detections",
    "classify",
    "classify_frames",
    "classify_video",
    "csv_writer",
    "detect",
    "detect_frames",
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
    "trained_model",
]
