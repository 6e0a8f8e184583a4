"""Which way up a frame is shown: turned, mirrored, or both."""

import typing

import numpy as np

from offkeras.video.container import VideoError
from offkeras.video.streams.side_data import side_data

TOLERANCE = 0.01  # half a degree


class Orientation(typing.NamedTuple):
    """How the array of a frame becomes that of the picture: in this order.

    Attributes:
        sideways: rows become columns.
        upside_down: the rows are reversed.
        mirrored: the columns are reversed.
    """

    sideways: bool
    upside_down: bool
    mirrored: bool

    def apply(self, array):
        """An array `(H, W, C)` as it is shown."""
        if self.sideways:
            array = array.swapaxes(0, 1)
        if self.upside_down:
            array = array[::-1]
        if self.mirrored:
            array = array[:, ::-1]
        return np.ascontiguousarray(array)


def orientation(path, frame):
    """The `Orientation` of an `av.VideoFrame`, by its display matrix.

    Raises:
        VideoError: if the matrix does more than quarter turns and mirrors.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        return Orientation(False, False, False)
    # A pixel at (x, y) is shown at (a x + c y, b x + d y), y downwards.
    (a, b), (c, d) = (_signs(*row) for row in (matrix[:2], matrix[2:]))
    if a * d - b * c not in (-1, 1):
        raise VideoError(
            path,
            "is not shown upright: expected quarter turns and mirrors. Received: the "
            f"display matrix {[round(value / 65536, 3) for value in matrix]}.",
        )
    if a:
        return Orientation(False, d < 0, a < 0)
    return Orientation(True, b < 0, c < 0)


def pixel_aspect(path, stream, frame):
    """Width of a pixel by its height as a frame is shown, None where unknown."""
    aspect = stream.sample_aspect_ratio or None
    if aspect and orientation(path, frame).sideways:
        aspect = 1 / aspect
    return aspect


def _display_matrix(frame):
    """The numbers a, b, c, d of the matrix in 16.16; None where there is none."""
    data = side_data(frame).get("DISPLAYMATRIX")
    if data is None:
        return None
    # [a b u; c d v; x y w], row by row
    return tuple(int(value) for value in np.frombuffer(data, np.int32)[[0, 1, 3, 4]])


def _signs(*row):
    """A row of a matrix, each entry as -1, 0 or 1; zeros where it lies in between.

    Its scale is the shape of a pixel and tells nothing here.
    """
    shares = [value / (max(map(abs, row)) or 1) for value in row]
    nearest = [round(share) for share in shares]
    near = all(
        abs(share - sign) < TOLERANCE
        for share, sign in zip(shares, nearest, strict=True)
    )
    return nearest if near else (0, 0)
