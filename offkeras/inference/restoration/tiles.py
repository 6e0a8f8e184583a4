"""Frames that do not fit into memory, restored in overlapping tiles."""

import math
import typing

import keras
import numpy as np

from offkeras.models.task import layers_within

# Pixels restored at a time, margins included. The model of the paper (3 frames,
# 64 channels) takes some 4 kB a pixel.
TILE_PIXELS = 2**19


class Tile(typing.NamedTuple):
    """Slices `(rows, columns)` of a tile.

    Attributes:
        seen: of the frame: the tile with its margin.
        kept: of the frame: the tile.
        within: of what was seen: the tile.
    """

    seen: tuple
    kept: tuple
    within: tuple


def receptive_radius(model):
    """How far, in pixels, a model looks around the pixel it restores.

    A convolution of k pixels adds (k - 1) / 2, a gradient the radius of its kernel.
    In `DnCNN` and in `OFFArtifactRemover` they all follow one another, so that the
    longest path has all of them.
    """
    radius = 0
    for layer in layers_within(model):
        if isinstance(layer, keras.layers.Conv2D):
            radius += max(layer.kernel_size) // 2 * max(layer.dilation_rate)
        else:
            radius += getattr(layer, "radius", 0)  # of gradients
    return radius


def make_tiles(height, width, radius, tile=None):
    """Divides a frame into tiles that give the result of the whole frame.

    Every tile is seen with a margin of `radius` pixels, less where the frame ends.
    There the zero padding of the convolutions is that of the whole frame.

    Args:
        height: of the frame.
        width: of the frame.
        radius: see `receptive_radius`.
        tile: largest height and width of a tile, without its margin. By default the
            frame is one tile if it has at most `TILE_PIXELS`; larger ones are
            divided so that no tile with its margin has more.

    Returns:
        A list of `Tile`s, which cover the frame without overlap.

    Raises:
        ValueError: if `tile` is not positive.
    """
    if tile is None:
        fits = height * width <= TILE_PIXELS
        tile = max(height, width) if fits else math.isqrt(TILE_PIXELS) - 2 * radius
    if tile < 1:
        raise ValueError(f"Expected `tile` to be 1 pixel or more. Received: {tile}.")
    return [
        Tile(*zip(rows, columns, strict=True))
        for rows in _divide(height, radius, tile)
        for columns in _divide(width, radius, tile)
    ]


def _divide(length, radius, tile):
    """Divides a side evenly: slices `seen`, `kept` and `within` of each part."""
    count = math.ceil(length / tile)
    for index in range(count):
        start, end = index * length // count, (index + 1) * length // count
        first, last = max(start - radius, 0), min(end + radius, length)
        yield slice(first, last), slice(start, end), slice(start - first, end - first)


def restore_tiled(restore, frames, tiles):
    """Restores a frame tile by tile.

    Args:
        restore: function from `(1, T, h, w, 3)` to `(1, h, w, 3)`.
        frames: T arrays `(H, W, 3)`.
        tiles: what `make_tiles` returns.

    Returns:
        Array `(H, W, 3)`, of the type that `restore` returns.
    """
    restored = None
    for tile in tiles:
        clip = np.stack([frame[tile.seen] for frame in frames])
        patch = np.asarray(restore(clip[None]))[0][tile.within]
        if restored is None:
            restored = np.empty(frames[0].shape, patch.dtype)
        restored[tile.kept] = patch
    return restored
