"""Draws limbs: each pixel shows the nearest one, shaded as a round body is.

Everything after the projection is arithmetic of single pixels that IEEE 754 rounds
correctly, or integers, so that the pixels are the same wherever they are computed.
"""

import dataclasses

import numpy as np

FINE = 2  # drawn so much larger, for smooth edges
FIXED = 64  # positions and radii are whole parts of a drawn pixel, one in so many
STRIPES_PER_METRE = 13
LEVELS = 128  # of brightness 1
GROUP = 16  # limbs of about one size that are computed together
PER_FRAME = ("start", "end", "start_radius", "end_radius", "scale")


@dataclasses.dataclass(frozen=True, eq=False)
class Flat:
    """Limbs as a camera sees them, P of them in each of T frames.

    Attributes:
        start: x and y in pixels and the depth in metres, `(T, P, 3)`.
        end: of the other ends.
        start_radius: pixels, `(T, P)`.
        end_radius: of the other ends.
        scale: pixels in a metre at their depth, `(T, P)`.
        cut: whether the second end is cut off straight, `(P,)`.
        heights: along a shirt at both ends, `(P, 2)`.
        colours: uint8 `(P, 3)`.
        stripes: colours of stripes, uint8 `(P, 3)`: a limb's own for none.
    """

    start: np.ndarray
    end: np.ndarray
    start_radius: np.ndarray
    end_radius: np.ndarray
    scale: np.ndarray
    cut: np.ndarray
    heights: np.ndarray
    colours: np.ndarray
    stripes: np.ndarray

    def join(self, other):
        """The limbs of both."""
        joined = {}
        for field in dataclasses.fields(self):
            own, others = getattr(self, field.name), getattr(other, field.name)
            limbs = 1 if field.name in PER_FRAME else 0
            joined[field.name] = np.concatenate([own, others], axis=limbs)
        return Flat(**joined)


@dataclasses.dataclass(frozen=True)
class Light:
    """Where light comes from, and how much.

    Attributes:
        direction: unit vector to the light: right, down, towards the camera.
        ambient: brightness of what faces the camera.
        diffuse: what is added towards the light, and taken away from it.
        tint: factors of R, G and B.
    """

    direction: tuple
    ambient: float
    diffuse: float
    tint: tuple = (1.0, 1.0, 1.0)


def draw(picture, flat, frame, light):
    """Draws the limbs of a frame over a picture.

    Args:
        picture: uint8 `(H, W, 3)`; it is changed.
        flat: the `Flat`.
        frame: number of the frame.
        light: the `Light`.
    """
    limbs = _fixed(flat, frame)
    low, high = _boxes(limbs, picture.shape[:2])
    seen = np.flatnonzero((low < high).all(axis=1))
    if not len(seen):
        return
    left, top = low[seen].min(0) // FINE * FINE
    right, bottom = -(-high[seen].max(0) // FINE) * FINE
    depth = np.full((bottom - top, right - left), np.inf, np.float32)
    painted = np.zeros(depth.shape, np.uint32)
    sizes = (high - low)[seen]
    seen = seen[np.argsort(sizes.max(1) * 4096 + sizes.min(1), kind="stable")]
    for first in range(0, len(seen), GROUP):
        chosen = seen[first : first + GROUP]
        columns, rows = (high - low)[chosen].max(0).tolist()
        extent = columns, rows
        near, along, bright = _surfaces(
            limbs[chosen], low[chosen], extent, flat.cut[chosen], light
        )
        paint = _paints(chosen, along, bright, flat.heights[chosen])
        corners = (low[chosen] - [left, top]).tolist()
        for (x, y), distance, colour in zip(corners, near, paint, strict=True):
            window = depth[y : y + rows, x : x + columns]
            height, width = window.shape  # less at the edge of the picture
            distance, colour = distance[:height, :width], colour[:height, :width]
            visible = distance < window
            np.copyto(window, distance, where=visible)
            window = painted[y : y + height, x : x + width]
            np.copyto(window, colour, where=visible)
    _paint(picture, _pixels(flat, painted, light), painted > 0, top, left)


def _fixed(flat, frame):
    """`(P, 9)` float32: x, y, depth, radius of both ends, in drawn pixels; scale."""
    ends = []
    for point, radius in (
        (flat.start, flat.start_radius),
        (flat.end, flat.end_radius),
    ):
        place = np.rint(point[frame, :, :2] * (FINE * FIXED)) / FIXED
        depth = np.rint(point[frame, :, 2:] * 1024) / 1024
        size = np.rint(radius[frame, :, None] * (FINE * FIXED)) / FIXED
        ends += [place, depth, np.maximum(size, 0.75)]
    scale = np.rint(flat.scale[frame, :, None] * FIXED) * (FINE / FIXED)
    limbs = np.concatenate([*ends, scale], axis=1)
    return limbs.astype(np.float32)


def _boxes(limbs, size):
    """First column and row of each limb and those after its last, in drawn pixels."""
    limit = np.array(size[::-1]) * FINE
    first, second = limbs[:, 0:2], limbs[:, 4:6]
    low = np.minimum(first - limbs[:, 3:4], second - limbs[:, 7:8])
    high = np.maximum(first + limbs[:, 3:4], second + limbs[:, 7:8])
    low = np.floor(np.clip(low, 0, limit)).astype(int)
    high = np.ceil(np.clip(high, 0, limit)).astype(int)
    return low, high


def _surfaces(limbs, low, extent, cut, light):
    """The surface of K limbs, each in a window from its first column and row.

    Returns:
        Depth, infinite outside; where along the limb, 0 to 1; and brightness in
        `LEVELS`, each `(K, H, W)`.
    """
    x0, y0, z0, r0, x1, y1, z1, r1, scale = limbs.T[:, :, None, None]
    dx, dy = x1 - x0, y1 - y0
    length = np.maximum(dx * dx + dy * dy, np.float32(1e-3))
    # Of the middle of a pixel from the first end. (K, 1, W) and (K, H, 1)
    columns, rows = (np.arange(n, dtype=np.float32) + np.float32(0.5) for n in extent)
    x = columns[None, None] + (low[:, 0, None, None].astype(np.float32) - x0)
    y = rows[None, :, None] + (low[:, 1, None, None].astype(np.float32) - y0)
    along = x * (dx / length) + y * (dy / length)
    inside = along < np.where(cut, np.float32(1), np.float32(np.inf))[:, None, None]
    np.maximum(along, np.float32(0), out=along)
    np.minimum(along, np.float32(1), out=along)
    x = x - along * dx
    y = y - along * dy
    radius = along * (r1 - r0)
    radius += r0
    bulge = radius * radius
    bulge -= x * x
    bulge -= y * y
    inside &= bulge > 0
    np.maximum(bulge, np.float32(0), out=bulge)
    np.sqrt(bulge, out=bulge)
    near = along * (z1 - z0)
    near += z0
    near -= bulge / scale
    np.copyto(near, np.float32(np.inf), where=~inside)
    # The normal times the light; what turns away from the camera is darker.
    to_right, down, to_camera = (
        part * light.diffuse * LEVELS for part in light.direction
    )
    x *= np.float32(to_right)
    y *= np.float32(down)
    x += y
    bulge *= np.float32(to_camera + 0.4 * light.ambient * LEVELS)
    x += bulge
    x /= radius
    x += np.float32(0.6 * light.ambient * LEVELS + 0.5)
    return near, along, x


def _paints(numbers, along, bright, heights):
    """Brightness and the index of the colour, `(K, H, W)`; a limb has two colours."""
    np.maximum(bright, np.float32(0), out=bright)
    paints = bright.astype(np.uint32)
    paints <<= 8
    paints += (2 * numbers + 1).astype(np.uint32)[:, None, None]
    if (heights[:, 0] != heights[:, 1]).any():
        steps = np.rint(heights * (STRIPES_PER_METRE * FIXED)) / FIXED
        first, rise = (
            part.astype(np.float32) for part in (steps[:, 0], steps @ [-1, 1])
        )
        along = along * rise[:, None, None] + first[:, None, None]
        paints += along.astype(np.uint32) & 1
    return paints


def _pixels(flat, painted, light):
    """Colours times brightness, uint16 `(H, W, 3)`; black where nothing is painted."""
    colours = np.stack([flat.colours, flat.stripes], axis=1).reshape(-1, 3)
    colours = np.rint(colours * np.array(light.tint, np.float32))
    colours = colours.astype(np.uint32)
    covered = np.flatnonzero(painted)
    paints = painted.ravel()[covered]
    chosen = colours[(paints & 255) - 1]
    chosen *= (paints >> 8)[:, None]
    chosen //= LEVELS
    pixels = np.zeros((*painted.shape, 3), np.uint16)
    pixels.reshape(-1, 3)[covered] = np.minimum(chosen, 255)
    return pixels


def _paint(picture, pixels, covered, top, left):
    """Shrinks what was drawn and lays it over the picture."""
    total = _sums(pixels)
    count = _sums(covered.astype(np.uint16))[..., None]
    height, width = total.shape[:2]
    part = picture[top // FINE :, left // FINE :][:height, :width]
    cells = FINE * FINE
    part[:] = (part * (cells - count) + total + cells // 2) // cells


def _sums(fine):
    """Of the drawn pixels in each pixel of the picture."""
    rows, columns = range(FINE), range(FINE)
    return sum(fine[r::FINE, c::FINE] for r in rows for c in columns)
