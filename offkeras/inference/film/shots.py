"""Finds the shots of a video and labels each."""

import dataclasses
import pathlib

import numpy as np

from offkeras.data.augment import EVALUATION_SCALE, evaluation_size
from offkeras.inference.film.stretches import divide
from offkeras.inference.segments import iterate_images
from offkeras.inference.sources import Camera, Isolated, iterate_source
from offkeras.inference.windows import Windows
from offkeras.video.small.cuts import mark_cuts
from offkeras.video.small.scaled import iterate_scaled

SMOOTH, SHORTEST = 1.0, 1.0  # seconds


@dataclasses.dataclass(frozen=True)
class Shot:
    """A shot of a video, or a stretch of one whose label changes.

    Attributes:
        number: of the shot, from 1; stretches of a shot share it.
        start: seconds of its first frame.
        end: seconds at which the next one begins, or the video ends.
        label: index of the most probable class; None where there is no window.
        confidence: its probability, 0..1, or None.
        probabilities: of all classes, the mean over the windows, or None.
        reason: why there is no label; None where there is one.
    """

    number: int
    start: float
    end: float
    label: int | None = None
    confidence: float | None = None
    probabilities: np.ndarray | None = None
    reason: str | None = None


def shots(
    video,
    recognizer,
    *,
    interval,
    num_segments=7,
    modality=None,
    smooth=SMOOTH,
    shortest=SHORTEST,
):
    """Lists the shots of a video, each with a label.

    Cuts are found by `offkeras.video.small.cuts.mark_cuts`. No window spans one. The
    windows of a shot begin `interval` frames apart, and their probabilities are
    averaged. Where the label changes for good, a shot is divided into stretches:
    `smooth` and `shortest` say what that is, see `stretches.divide`.

    A video file that is shown as RGB is scaled while it is decoded, which is faster
    than `classify` is, and a level or two of 255 off.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        recognizer: an `OFFActionRecognizer`.
        interval: distance in frames between two segments, as in its training.
        num_segments: segments in a window, two or more.
        modality: what a segment shows, see `classify`.
        smooth: seconds over which the probabilities of windows are averaged before
            they are compared.
        shortest: seconds of a stretch, at least.

    Yields:
        A `Shot`, once it has ended. One that is shorter than a window has no label.

    Raises:
        ValueError: if `smooth` or `shortest` are negative, or see `classify`.

    Example:

    ```python
    for shot in shots("film.mp4", recognizer, num_segments=6, interval=4):
        name = shot.reason if shot.label is None else class_names[shot.label]
        print(shot.number, shot.start, shot.end, name)
    ```
    """
    for name, value in (("smooth", smooth), ("shortest", shortest)):
        if not value >= 0:
            raise ValueError(f"Expected `{name}` to be 0 or more. Received: {value}.")
    windows = Windows(
        recognizer,
        num_segments=num_segments,
        interval=interval,
        hop=interval,
        modality=modality,
    )
    rule = dict(smooth=smooth, shortest=shortest)
    number, start, before, last = 1, 0.0, 0.0, 0.0
    predictions = []
    frames = _small_images(video, windows)
    for (seconds, _, image), begins in mark_cuts(frames, lambda item: item[1]):
        if begins:
            yield from _of_a_shot(number, start, seconds, windows, predictions, rule)
            number, start, predictions = number + 1, seconds, []
            windows.restart()
        prediction = windows.add(seconds, image)
        if prediction is not None:
            predictions.append(prediction)
        before, last = last, seconds
    end = last + (last - before)  # the last frame lasts as long as that before it
    yield from _of_a_shot(number, start, end, windows, predictions, rule)


def _of_a_shot(number, start, end, windows, predictions, rule):
    """Yields the stretches of a shot that has ended."""
    if not predictions:
        reason = f"{windows.count} frames, a window has {windows.least}"
        yield Shot(number, start, end, reason=reason)
        return
    times = [(p.start + p.timestamp) / 2 for p in predictions]
    probabilities = [p.probabilities for p in predictions]
    for stretch in divide(start, end, times, probabilities, **rule):
        yield Shot(
            number,
            stretch.start,
            stretch.end,
            stretch.label,
            float(stretch.probabilities[stretch.label]),
            stretch.probabilities,
        )


def _small_images(video, windows):
    """As `iterate_images`; frames are as small as the network takes them, or larger."""
    if windows.kind.images != ("rgb",):
        yield from iterate_images(video, windows.kind, windows.size)
        return
    is_file = not isinstance(video, (int, Camera, Isolated))
    if is_file and not pathlib.Path(video).is_dir():
        frames = iterate_scaled(video, round(windows.size * EVALUATION_SCALE))
    else:
        frames = (
            (seconds, evaluation_size(frame, windows.size)[0].numpy())
            for seconds, frame in iterate_source(video)
        )
    for seconds, frame in frames:
        yield seconds, frame, frame
