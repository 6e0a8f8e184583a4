"""Motion vectors of a decoder as dense fields, one for every frame.

Zhang et al. 2016 (EMV): a vector fills its block, later ones overwrite; vectors that
come from the future are left out; where there is none, there is rest. A vector leads
over as many frames as lie between a frame and its reference, which the decoder does
not tell: it is divided by the frames since the last one that is no B frame.
"""

import typing

import numpy as np

from offkeras.video import optical_flow
from offkeras.video.container import VideoError
from offkeras.video.streams.orientation import Orientation, orientation
from offkeras.video.streams.side_data import side_data

# Those whose decoder in FFmpeg exports vectors, by its names.
CODECS = (
    "h264",
    "mpeg4",  # also Xvid and DivX
    "mpeg2video",
    "mpeg1video",
    "h263",
    "flv1",
    "wmv1",
    "wmv2",
    "msmpeg4v2",
    "msmpeg4v3",
)
# Where a frame without vectors takes its field from.
RULES = ("previous", "next")
# Quantised fields are of a video with a shorter side of so many pixels: UCF-101's.
SHORTER_SIDE = 240
B_FRAME = 3  # FFmpeg's number; PyAV gives the type as a number or as an enumeration
MOST_WAITING = 64  # frames in a row without a vector


class MotionField(typing.NamedTuple):
    """Where the content of a frame has come from since the frame before it.

    Attributes:
        grid: float32 `(rows, columns, 2)`: x and y of the displacement of a cell in
            pixels per frame, right and down, as optical flow is.
        cell: height and width of a cell in pixels.
        height: of the frame as coded; the last cells may reach beyond it.
        width: of the frame as coded.
        upright: how that becomes the frame as shown.
    """

    grid: np.ndarray
    cell: int
    height: int
    width: int
    upright: Orientation

    def dense(self):
        """float32 `(H, W, 2)`, for every pixel of the frame as shown."""
        return self._expand(self._turned())

    def image(self):
        """uint8 `(H, W, 2)`, as optical flow is stored: see `optical_flow.quantize`.

        In pixels where the shorter side is 240, as in UCF-101: so motion looks the
        same in a copy of the video of another size.
        """
        scale = SHORTER_SIDE / min(self.height, self.width)
        return self._expand(optical_flow.quantize(scale * self._turned()))

    def _turned(self):
        """The vectors as they are shown, still in their cells as coded."""
        x, y = self.grid[..., 0], self.grid[..., 1]
        if self.upright.sideways:
            x, y = y, x
        x = -x if self.upright.mirrored else x
        y = -y if self.upright.upside_down else y
        return np.stack([x, y], axis=-1)

    def _expand(self, cells):
        # (rows, columns, 2) -> (H, W, 2); columns first, so that rows are copied whole.
        pixels = cells.repeat(self.cell, axis=1)[:, : self.width]
        pixels = pixels.repeat(self.cell, axis=0)[: self.height]
        return self.upright.apply(pixels)


def fill(vectors, height, width):
    """The vectors of a frame as cells.

    Args:
        vectors: structured array as PyAV gives it, with `source`, `w`, `h`, `dst_x`,
            `dst_y`, `motion_x`, `motion_y` and `motion_scale`; `dst` is the centre
            of a block, `motion / motion_scale` where it came from, seen from there.
        height: of the frame in pixels.
        width: of the frame in pixels.

    Returns:
        `(grid, cell)`: float32 `(rows, columns, 2)`, and pixels of a cell's side.
    """
    vectors = vectors[vectors["source"] < 0]
    fields = ("dst_x", "dst_y", "w", "h")
    x, y, w, h = (vectors[name].astype(np.int64) for name in fields)
    left, top = x - w // 2, y - h // 2
    # The largest cell that all blocks are made of.
    cell = int(np.gcd.reduce(np.concatenate([left, top, w, h]))) or 16
    rows, columns = -(-height // cell), -(-width // cell)
    grid = np.zeros((rows, columns, 2), np.float32)
    if not len(vectors):
        return grid, cell
    motion = np.stack([vectors["motion_x"], vectors["motion_y"]], axis=-1)
    scale = np.maximum(vectors["motion_scale"], 1)
    moved = -motion.astype(np.float32) / scale[:, None].astype(np.float32)
    # Cells of every block, (N, rows of the largest, columns of the largest).
    down, right = (np.arange(side.max() // cell) for side in (h, w))
    row = (top // cell)[:, None, None] + down[:, None]
    column = (left // cell)[:, None, None] + right
    within = (down[:, None] < (h // cell)[:, None, None]) & (
        right < (w // cell)[:, None, None]
    )
    within &= (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    number, *_ = np.nonzero(within)
    row, column = np.broadcast_arrays(row, column)
    # In the order of the vectors: of several at a cell the last one stays.
    grid[row[within], column[within]] = moved[number]
    return grid, cell


class FieldStream:
    """The field of every frame, as frames come in the order of display.

    Args:
        path: path of the video, for errors.
        codec: FFmpeg's name of its codec.
        rule: where a frame without vectors, such as a key frame, takes its field
            from: `"previous"` (the paper) or `"next"` (the authors' release). Where
            there is none on that side of the video, from the other.

    Raises:
        VideoError: if the codec has no vectors to give.
        ValueError: if the rule is none.
    """

    def __init__(self, path, codec, rule):
        check_rule(rule)
        if codec not in CODECS:
            raise VideoError(path, refusal(codec))
        self.path, self.codec, self.rule = path, codec, rule
        self.begin(at_start=True)

    def begin(self, *, at_start):
        """Forgets all frames: the next one follows none of them."""
        self.at_start, self.last, self.waiting = at_start, None, []
        # Frames since the last that is no B frame; unknown after a jump.
        self.gap = 0 if at_start else None

    def add(self, position, frame):
        """Takes an `av.VideoFrame`; yields `(position, field)` of all that are known.

        Raises:
            VideoError: if too many frames in a row have no vectors.
        """
        field = self._field(frame)
        if field is None and self.rule == "previous" and self.last is not None:
            yield position, self.last
        elif field is None:
            self.waiting.append(position)
            if len(self.waiting) > MOST_WAITING:
                raise VideoError(
                    self.path,
                    f"has no motion vectors in {len(self.waiting)} frames in a row.",
                )
        else:
            if self.rule == "next" or self.at_start:
                yield from ((waiting, field) for waiting in self.waiting)
            self.last, self.waiting, self.at_start = field, [], False
            yield position, field

    def end(self):
        """Yields what is known now that no frame follows.

        Raises:
            VideoError: if no frame of the video has vectors.
        """
        if self.last is not None:
            yield from ((waiting, self.last) for waiting in self.waiting)
        elif self.at_start:
            raise VideoError(self.path, "has no motion vectors in any of its frames.")

    def _field(self, frame):
        """The field of a frame, None where it has none of its own."""
        gap, is_b = self.gap, int(frame.pict_type) == B_FRAME
        if gap is not None or not is_b:
            self.gap = 1 if not is_b else gap + 1
        data = side_data(frame).get("MOTION_VECTORS")
        if data is None or gap is None:
            return None
        vectors = data.to_ndarray()
        moves = vectors["motion_x"].any() or vectors["motion_y"].any()
        if is_b and self.codec == "mpeg4" and not moves:
            return None  # FFmpeg exports zeros for B frames of MPEG-4
        grid, cell = fill(vectors, frame.height, frame.width)
        upright = orientation(self.path, frame)
        grid /= max(gap, 1)
        return MotionField(grid, cell, frame.height, frame.width, upright)


def check_rule(rule):
    """Refuses what is no rule for frames without vectors."""
    if rule not in RULES:
        raise ValueError(f"Expected vectors to be one of {RULES}. Received: {rule!r}.")


def refusal(codec):
    """Why a codec is refused."""
    return f"Expected a codec with vectors, of {', '.join(CODECS)}. Received: {codec}."
