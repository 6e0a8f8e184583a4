"""Classifies the actions in a video, window by window."""

from offkeras.data.augment import center_crop
from offkeras.data.sampling import evaluation_indices
from offkeras.inference.segments import iterate_images
from offkeras.inference.sources import (
    Isolated,
    measure,
    read_source_frames,
    watched,
)
from offkeras.inference.windows import (
    Chain,
    Windows,
    check_least,
    modality_of,
    segment_scores,
)

TOTAL_SEGMENTS = 25


def classify(
    video,
    recognizer,
    *,
    num_segments=7,
    interval=None,
    hop=None,
    modality=None,
    skip_still=None,
):
    """Classifies a sliding window of frames.

    A frame passes through the backbone once, however many windows it belongs to:
    the scores of a window are the means of those of its segments (equation 8).
    Memory does not grow with the length of the video.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        recognizer: an `OFFActionRecognizer`. Optical flow is that of DIS; motion
            vectors are had of video files alone.
        num_segments: segments in a window, two or more; each ends `interval` frames
            after the one before.
        interval: distance in frames between two of them, the Δt of the OFF.
            Default: that of training on whole videos, a 25th of the video
            (section 4.2.3).
        hop: frames from one window to the next; default: half a window.
        modality: what a segment shows, see `modalities`. Default: the first with as
            many channels as `recognizer` takes.
        skip_still: where nothing has moved by this many levels of 255, the network is
            not asked and its last answer is repeated, see `Stillness` and
            `Prediction.repeated`. Default: it sees every segment.

    Yields:
        A `Prediction` per window.

    Raises:
        ValueError: if the video is shorter than one window, a camera is given
            without `interval`, `recognizer` has no OFF or takes no modality, or the
            source has no motion vectors.

    Example:

    ```python
    for prediction in classify("walk.mp4", recognizer):
        print(prediction.timestamp, class_names[prediction.label])
    ```
    """
    window = dict(
        num_segments=num_segments,
        interval=interval,
        hop=hop,
        modality=modality,
        skip_still=skip_still,
    )
    for _, prediction in classify_frames(video, recognizer, **window):
        if prediction is not None:
            yield prediction


def classify_video(video, recognizer, *, total_segments=TOTAL_SEGMENTS):
    """Classifies a video as a whole, by segments spread over it (section 4.3.1).

    Only these frames are decoded. They are scaled and cropped as in the test of
    `ClassFolder`.

    Args:
        video: path of a video file or of a folder of images.
        recognizer: an `OFFActionRecognizer` for RGB.
        total_segments: frames to look at, two or more.

    Returns:
        A `Prediction`. Its times are frame numbers by the mean frame rate.
    """
    check_least("total_segments", total_segments, 2)
    scores = segment_scores(recognizer)
    if modality_of(recognizer, None).name != "rgb":
        raise ValueError(
            "Expected a recognizer for RGB: test others with `ClassFolder`. "
            f"Received: {recognizer.name!r}."
        )
    chain = Chain(scores, total_segments)
    num_frames, fps = measure(video)
    if num_frames is None:
        raise ValueError(f"Expected a video with an end. Received: {video}.")
    if isinstance(video, Isolated):
        raise ValueError(f"Expected a path: no `Isolated` can seek. Received: {video}.")
    indices = evaluation_indices(num_frames, total_segments=total_segments)
    size = recognizer.input["frames"].shape[2]
    frames = read_source_frames(
        video, indices, transform=lambda f: center_crop(f[None], size)[0].numpy()
    )
    for index, frame in zip(indices, frames, strict=True):
        chain.add((index / fps, index / fps), frame[None])
    return chain.prediction()


def classify_frames(
    video,
    recognizer,
    *,
    num_segments=7,
    interval=None,
    hop=None,
    modality=None,
    skip_still=None,
):
    """As `classify`, whose arguments it takes, with the frames: to show both.

    Yields:
        `(frame, prediction)`: every frame, uint8 RGB `(H, W, 3)`, with the
        `Prediction` of the window that ends there, or None.
    """
    if interval is None:
        interval = _default_interval(video)
    if hop is None:  # windows that begin on segments of each other share them
        hop = num_segments // 2 * interval
    windows = Windows(
        recognizer,
        num_segments=num_segments,
        interval=interval,
        hop=hop,
        modality=modality,
        skip_still=skip_still,
    )
    frames = iterate_images(video, windows.kind, windows.size)
    for seconds, frame, image in watched(video, frames):
        yield frame, windows.add(seconds, image)
    if windows.count < windows.least:
        raise ValueError(
            f"{video} is shorter than one window: expected at least "
            f"{windows.least} frames ({num_segments} segments, {interval} "
            f"apart). Received: {windows.count}."
        )


def _default_interval(video):
    num_frames, _ = measure(video)
    if num_frames is None:
        raise ValueError(
            f"Expected `interval` to be given for {video}, which has no length."
        )
    return max(1, num_frames // TOTAL_SEGMENTS)
