"""What a live stream shows, now: as `classify` and `detect`, without falling behind."""

import numpy as np

from offkeras.inference.detection import detect_frames
from offkeras.inference.windows import Windows


def classify_live(stream, recognizer, *, num_segments=7, skip_still=None):
    """Classifies the window of the last segments, at every picture.

    Pictures are `LiveStream.every` apart, which should be the distance between two
    segments in training. No window spans a break of the connection.

    Args:
        stream: a `LiveStream`, opened.
        recognizer: an `OFFActionRecognizer` for RGB.
        num_segments: segments in a window, two or more.
        skip_still: see `classify`.

    Yields:
        `(picture, prediction)`: a `LivePicture`, and the `Prediction` of the window
        that ends there; None where there are too few segments yet.

    Raises:
        VideoError: if the first connection fails.
        ValueError: if an option is out of its range.

    Example:

    ```python
    with LiveStream("rtsp://camera/stream", every=0.16) as stream:
        for picture, prediction in classify_live(stream, recognizer, num_segments=6):
            if prediction is not None:
                print(picture.seconds, class_names[prediction.label])
    ```
    """
    windows = Windows(
        recognizer,
        num_segments=num_segments,
        interval=1,
        hop=1,
        modality="rgb",
        skip_still=skip_still,
    )
    connection, black = None, np.zeros((windows.size, windows.size, 3), np.uint8)
    for seconds in (0.0, 1.0):  # graphs are built before anybody waits for them
        windows.add(seconds, black)
    for picture in stream:
        if picture.connection != connection:
            connection = picture.connection
            windows.restart()
        yield picture, windows.add(picture.seconds, picture.image)


def detect_live(stream, detector, **options):
    """Detects the objects in every picture, and follows them.

    Args:
        stream: a `LiveStream`, opened.
        detector: see `detect`.
        **options: those of `detect`.

    Yields:
        `(picture, detections)`: a `LivePicture` and its `FrameDetections`.

    Raises:
        VideoError: if the first connection fails.
        ValueError: see `detect`.
    """
    for _, found in detect_frames(stream, detector, **options):
        yield stream.latest, found
