"""Draws the actions in a video."""

import time


def draw_predictions(stream, class_names):
    """Draws the last prediction and the frames per second so far on every frame.

    Args:
        stream: what `classify_frames` yields.
        class_names: names of the classes.

    Yields:
        uint8 RGB `(H, W, 3)`.
    """
    start, caption = time.perf_counter(), ""
    for count, (frame, prediction) in enumerate(stream, start=1):
        if prediction is not None:
            rate = count / (time.perf_counter() - start)
            caption = (
                f"{class_names[prediction.label]} {prediction.confidence:.0%}"
                f"  {rate:.0f} fps"
            )
        yield draw_caption(frame, caption)


def draw_caption(frame, text):
    """Writes a line of text at the top left of a copy of the frame."""
    import cv2

    frame = frame.copy()
    scale = max(frame.shape[0] / 480, 0.4)
    origin = (round(10 * scale), round(30 * scale))
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(
            frame,
            text,
            origin,
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            color,
            max(1, round(thickness * scale)),
            cv2.LINE_AA,
        )
    return frame
