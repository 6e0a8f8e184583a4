"""Clips on which the ranges of int8 are measured."""

import numpy as np

from offkeras.data import center_crop, probe, read_frames
from offkeras.data.resize import resize
from offkeras.export.signatures import is_rgb, signatures, specify
from offkeras.models.task import DETECTION, RECOGNITION, task_of

CLIPS_PER_VIDEO = 16


def calibration_clips(videos, model, *, num_segments=None, size=None):
    """Clips of videos as a model sees them, spread over each video.

    A recognizer gets evaluation views of frames a 25th of the video apart, a
    detector resized frames in a row, a restorer the centres of frames in a row.

    Args:
        videos: paths of video files.
        model: the model to calibrate, for RGB.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.

    Returns:
        uint8 `(clips, frames, height, width, 3)`.

    Raises:
        ValueError: if the model does not take RGB, or a video is too short or
            too small.
    """
    if not is_rgb(model):
        raise ValueError(
            "Videos calibrate models for RGB. Received: a model of "
            f"{model.input['frames'].shape[-1]} channels."
        )
    inputs = specify(
        signatures(model), batch=1, num_segments=num_segments, size=size, fixed=True
    )
    _, segments, *size, _ = inputs["serving_default"]["frames"].shape
    task = task_of(model)
    if task == RECOGNITION and size[0] != size[1]:
        raise ValueError(
            "Videos calibrate recognizers of square views. "
            f"Received: a model for {size[0]}x{size[1]} pixels."
        )
    return np.concatenate([_clips(video, task, segments, size) for video in videos])


def check_calibration(calibration, frames, quantize):
    """Calibration clips that fit a model, or `None` where none are wanted.

    Args:
        calibration: array `(clips, ...)`, or `None`.
        frames: `tf.TensorSpec` of the model's clips.
        quantize: `"int8"` needs clips, the others refuse them.

    Returns:
        The clips as an array.

    Raises:
        ValueError: if they are missing, not wanted, or do not fit.
    """
    if (quantize == "int8") != (calibration is not None):
        raise ValueError(
            "`calibration` must hold clips for quantize='int8', and for nothing else. "
            f"Received: quantize={quantize!r} "
            f"{'without' if calibration is None else 'with'} calibration."
        )
    if calibration is None:
        return None
    calibration = np.asarray(calibration)
    if not len(calibration) or not frames.shape[1:].is_compatible_with(
        calibration.shape[1:]
    ):
        raise ValueError(
            "`calibration` must be clips for frames of shape (batch, "
            f"{str(frames.shape[1:])[1:]}. Received: shape {calibration.shape}."
        )
    if calibration.dtype != frames.dtype.as_numpy_dtype:
        raise ValueError(
            f"`calibration` must be of dtype {frames.dtype.name}, as the model's "
            f"frames. Received: {calibration.dtype}."
        )
    return calibration


def _clips(video, task, segments, size):
    total = probe(video).num_frames
    interval = max(1, total // 25) if task == RECOGNITION else 1
    last = total - 1 - (segments - 1) * interval
    if last < 0:
        raise ValueError(
            f"{video} is too short to calibrate on: expected at least "
            f"{(segments - 1) * interval + 1} frames. Received: {total}."
        )
    starts = np.unique(np.linspace(0, last, CLIPS_PER_VIDEO, dtype=int))
    # (clips, T) -> (clips*T, H, W, 3)
    indices = starts[:, None] + np.arange(segments) * interval
    frames = _view(video, read_frames(video, indices.ravel()), task, size)
    return np.reshape(frames, (len(starts), segments, *frames.shape[1:]))


def _view(video, frames, task, size):
    """The part of the frames that the model sees, in its size."""
    if task == RECOGNITION:
        return center_crop(frames, size[0]).numpy()
    if task == DETECTION:
        return resize(frames, size).numpy()
    height, width = frames.shape[1:3]
    if height < size[0] or width < size[1]:
        raise ValueError(
            f"{video} is too small to calibrate on: expected at least {size[0]}x"
            f"{size[1]} pixels. Received: {height}x{width}."
        )
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return frames[:, top : top + size[0], left : left + size[1]]
