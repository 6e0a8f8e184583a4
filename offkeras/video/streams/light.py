"""How bright a picture of high dynamic range is: mastering display and light level."""

import numpy as np

from offkeras.video.streams.side_data import side_data

CHROMATICITY, LUMINANCE = 50000, 10000  # units of a code, those of H.264


def x264_light(frame):
    """The parameters of x264 for what an `av.VideoFrame` tells of its light.

    Returns:
        Text such as `"mastering-display=G(...)...:cll=1000,400"`, empty where the
        frame tells nothing.
    """
    parameters = []
    if (data := _integers(frame, "MASTERING_DISPLAY_METADATA", 22)) is not None:
        *fractions, has_primaries, has_luminance = data.tolist()
        if has_primaries and has_luminance and all(fractions[1::2]):
            parameters.append(f"mastering-display={_display(fractions)}")
    if (data := _integers(frame, "CONTENT_LIGHT_LEVEL", 2)) is not None:
        parameters.append("cll={},{}".format(*data.tolist()))
    return ":".join(parameters)


def _display(fractions):
    """A mastering display, of the red, green, blue and white points and luminances."""
    values = [n / d for n, d in zip(fractions[::2], fractions[1::2], strict=True)]
    points = [round(CHROMATICITY * value) for value in values[:8]]
    least, most = (round(LUMINANCE * value) for value in values[8:])
    pairs = zip(points[::2], points[1::2], strict=True)
    red, green, blue, white = (f"({x},{y})" for x, y in pairs)
    return f"G{green}B{blue}R{red}WP{white}L({most},{least})"


def _integers(frame, kind, length):
    """Side data as so many integers, None where there is none."""
    data = side_data(frame).get(kind)
    if data is None:
        return None
    return np.frombuffer(data, np.uint32)[:length]
