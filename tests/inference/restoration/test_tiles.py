import math

import numpy as np
import pytest

from offkeras.inference.restoration.tiles import (
    TILE_PIXELS,
    make_tiles,
    receptive_radius,
    restore_tiled,
)
from offkeras.models import DnCNN, OFFArtifactRemover


def randomize(model, seed=0):
    """Weights at which every layer matters and the artifacts have some grey levels."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 100
        weight.assign(rng.normal(0, np.sqrt(2 / fan_in), weight.shape))
    kernel = model.weights[-2]
    kernel.assign(kernel / 30)
    return model


def small(num_frames):
    if num_frames == 0:
        return randomize(DnCNN(width=8, depth=6))
    return randomize(
        OFFArtifactRemover(num_frames, width=8, refine_convs=2, tail_convs=3)
    )


def clip(num_frames, height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "model, radius",
    [
        (lambda: DnCNN(), 20),
        (lambda: DnCNN(depth=10, width=4), 10),
        (lambda: OFFArtifactRemover(3), 3 + 1 + 5 + 18),
        (lambda: OFFArtifactRemover(2, width=4, tail_convs=17), 3 + 1 + 5 + 17),
    ],
)
def test_receptive_radius(model, radius):
    assert receptive_radius(model()) == radius


@pytest.mark.parametrize("num_frames", [0, 1, 3])  # 0: DnCNN
def test_receptive_radius_is_as_far_as_a_changed_pixel_is_felt(num_frames):
    model = small(num_frames)
    radius = receptive_radius(model)
    frames = clip(max(num_frames, 1), 41, 43)
    changed = frames.copy()
    changed[len(frames) // 2, 20, 21] ^= 255
    before, after = (
        np.asarray(model({"frames": x[None]})["restored"][0]) for x in (frames, changed)
    )
    rows, columns = np.nonzero(np.abs(after - before).max(-1) > 1e-6)
    assert (rows.min(), rows.max()) == (20 - radius, 20 + radius)
    assert (columns.min(), columns.max()) == (21 - radius, 21 + radius)


@pytest.mark.parametrize("tile", [1, 7, 16, 30, 100])
def test_tiles_cover_a_frame_once(tile):
    count, seen = np.zeros((30, 47), int), 0
    for part in make_tiles(30, 47, 5, tile):
        count[part.kept] += 1
        kept, within = np.zeros((30, 47), bool), np.zeros((30, 47), bool)
        kept[part.kept] = True
        within[part.seen][part.within] = True
        np.testing.assert_array_equal(kept, within)
        assert max(kept.any(1).sum(), kept.any(0).sum()) <= tile
        seen += 1
    np.testing.assert_array_equal(count, 1)
    assert seen == math.ceil(30 / tile) * math.ceil(47 / tile)


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3])
@pytest.mark.parametrize("tile", [9, 16])
def test_tiles_give_the_result_of_the_whole_frame(num_frames, tile):
    model = small(num_frames)
    frames = clip(max(num_frames, 1), 45, 61)

    def restore(clips):
        return model({"frames": clips.astype("float32")}, training=False)["restored"]

    whole = np.asarray(restore(frames[None]))[0]
    radius = receptive_radius(model)
    tiled = restore_tiled(restore, frames, make_tiles(45, 61, radius, tile))
    assert np.abs(whole - frames[len(frames) // 2]).mean() > 1
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-4)
    # A smaller margin shows: the seam is what the margin takes away.
    seam = restore_tiled(restore, frames, make_tiles(45, 61, radius // 2, tile))
    assert np.abs(seam - whole).max() > 1e-2


@pytest.mark.parametrize(
    "height, width, count",
    [(256, 448, 1), (576, 720, 1), (720, 1280, 4), (1080, 1920, 6), (2160, 3840, 24)],
)
def test_large_frames_are_divided_into_tiles_that_fit(height, width, count):
    tiles = make_tiles(height, width, 27)
    assert len(tiles) == count
    seen = [
        (t.seen[0].stop - t.seen[0].start) * (t.seen[1].stop - t.seen[1].start)
        for t in tiles
    ]
    assert max(seen) <= TILE_PIXELS
    assert sum(seen) < 1.35 * height * width  # margins are restored for nothing


def test_a_tile_has_a_pixel():
    with pytest.raises(ValueError, match="`tile` to be 1 pixel or more. Received: 0"):
        make_tiles(8, 8, 3, 0)
