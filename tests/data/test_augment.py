import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data.augment import (
    center_crop,
    mirror,
    multi_scale_crop,
    random_flip,
    ten_crops,
)


def coordinates(height, width, segments=3):
    """A clip whose channels are (y, x, segment): a crop tells where it was cut."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([np.stack([y, x, np.full_like(y, t)], -1) for t in range(segments)])


def tsn_crops(height, width, size, scales):
    """All crops (top, left, height, width) that TSN's code can make."""
    base = min(height, width)
    lengths = [int(np.float32(base) * np.float32(s)) for s in scales]
    lengths = [size if abs(n - size) < 3 and size <= base else n for n in lengths]
    crops = {}
    for i, crop_h in enumerate(lengths):
        for j, crop_w in enumerate(lengths):
            if abs(i - j) > 1:
                continue
            sx, sy = (width - crop_w) // 4, (height - crop_h) // 4
            offsets = [(0, 0), (4 * sx, 0), (0, 4 * sy), (4 * sx, 4 * sy)]
            offsets += [(2 * sx, 2 * sy), (0, 2 * sy), (4 * sx, 2 * sy)]
            offsets += [(2 * sx, 4 * sy), (2 * sx, 0), (sx, sy), (3 * sx, sy)]
            offsets += [(sx, 3 * sy), (3 * sx, 3 * sy)]
            for x, y in offsets:
                crops.setdefault((crop_h, crop_w), set()).add((y, x))
    return crops


def resize(crop, height, width):
    """Bilinear with pixel centres at halves, antialiased when it shrinks."""
    rows = tent_weights(crop.shape[0], height)
    columns = tent_weights(crop.shape[1], width)
    return np.einsum("ah,hwc,bw->abc", rows, crop / 1.0, columns, optimize=True)


def tent_weights(length, size):
    scale = length / size
    centres = (np.arange(size) + 0.5) * scale
    distance = np.arange(length) + 0.5 - centres[:, None]
    weights = np.maximum(0, 1 - np.abs(distance) / max(scale, 1))
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("height, width, size", [(64, 84, 56), (60, 47, 33)])
def test_multi_scale_crops_are_exactly_those_of_tsn(height, width, size):
    scales = (1, 0.875, 0.75, 0.66)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    possible = {
        (top, left, h, w): None
        for (h, w), offsets in tsn_crops(height, width, size, scales).items()
        for top, left in offsets
    }
    for crop in possible:
        top, left, h, w = crop
        possible[crop] = resize(frames[0, top : top + h, left : left + w], size, size)
    candidates = np.stack(list(possible.values()))

    @tf.function
    def crop(seed):
        return multi_scale_crop(frames, size=size, scales=scales, seed=seed)

    seen = set()
    for seed in range(900):
        result = crop(tf.constant([0, seed])).numpy()
        assert result.shape == (2, size, size, 3) and result.dtype == np.uint8
        error = np.abs(candidates[:, ::7, ::7] - result[0, ::7, ::7]).max((1, 2, 3))
        best = int(error.argmin())
        assert error[best] <= 0.51
        assert np.abs(candidates[best] - result[0]).max() <= 0.51
        seen.add(best)
    assert len(seen) > 0.98 * len(possible)  # 10 shapes x 13 places, less overlaps


def test_all_segments_share_the_crop_and_the_thirteen_places_occur():
    frames = coordinates(200, 240)
    places = set()
    for seed in range(200):
        crop = multi_scale_crop(frames, size=100, scales=(0.5,), seed=[seed, 0])
        crop = crop.numpy()  # 100 of 200: no resizing, so coordinates are exact
        np.testing.assert_array_equal(crop[0, :, :, :2], crop[2, :, :, :2])
        assert [int(c[0, 0, 2]) for c in crop] == [0, 1, 2]
        top, left = crop[0, 0, 0, :2].tolist()
        places.add((top / 25, left / 35))
    assert places == {
        (0, 0),
        (0, 4),
        (4, 0),
        (4, 4),
        (2, 2),
        (2, 0),
        (2, 4),
        (4, 2),
    } | {
        (0, 2),
        (1, 1),
        (1, 3),
        (3, 1),
        (3, 3),
    }


def test_a_length_within_three_pixels_snaps_to_the_size():
    frames = coordinates(100, 120)
    crop = multi_scale_crop(frames, size=86, scales=(0.88,), seed=[1, 2]).numpy()
    steps = np.diff(crop[0, :, 0, 0].astype(int))
    assert (steps == 1).all()  # 86 rows of the source, not 88 resized


@pytest.mark.parametrize("function", [multi_scale_crop, random_flip])
def test_the_seed_decides(function):
    frames = coordinates(240, 250)
    same = [function(frames, seed=[3, 4]).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    many = {function(frames, seed=[3, i]).numpy().tobytes() for i in range(30)}
    assert len(many) >= 2


def test_flips_mirror_half_of_the_clips_whole():
    frames = coordinates(4, 6)
    flips = 0
    for seed in range(400):
        result = random_flip(frames, seed=[seed, 7]).numpy()
        flipped = np.array_equal(result, frames[:, :, ::-1])
        assert flipped or np.array_equal(result, frames)
        flips += flipped
    assert 150 < flips < 250


@pytest.mark.parametrize("height, width", [(64, 96), (101, 64), (48, 48), (20, 31)])
def test_center_crop_is_the_middle_of_the_resized_frame(height, width):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    result = center_crop(np.stack([image, image[:, ::-1]]), 56).numpy()
    assert result.shape == (2, 56, 56, 3) and result.dtype == np.uint8
    h, w = (round(n * 64 / min(height, width)) for n in (height, width))
    resized = resize(image, h, w)
    top, left = (h - 56) // 2, (w - 56) // 2
    expected = resized[top : top + 56, left : left + 56]
    assert np.abs(result[0] - expected).max() <= 0.51


@pytest.mark.parametrize("height, width", [(64, 85), (80, 64), (40, 50)])
def test_ten_crops_are_the_corners_the_centre_and_their_mirrors(height, width):
    frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 4), np.uint8)
    crops = ten_crops(frames, 56).numpy()
    assert crops.shape == (10, 2, 56, 56, 4) and crops.dtype == np.uint8
    h, w = (round(n * 64 / min(height, width)) for n in (height, width))
    bottom, right = h - 56, w - 56
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    places.append((bottom // 2, right // 2))
    resized = np.stack([resize(frame, h, w) for frame in frames])
    for crop, flipped, (top, left) in zip(crops[:5], crops[5:], places, strict=True):
        expected = resized[:, top : top + 56, left : left + 56]
        assert np.abs(crop - expected).max() <= 0.51
        np.testing.assert_array_equal(flipped, crop[:, :, ::-1])
    np.testing.assert_array_equal(crops[4], center_crop(frames, 56))
    flow = ten_crops(frames, 56, signed=True).numpy()
    np.testing.assert_array_equal(flow[:5], crops[:5])
    np.testing.assert_array_equal(flow[5:], mirror_flow(crops[:5]))


def mirror_flow(frames):
    """Quantised flow, x and y in turn, seen in a mirror."""
    mirrored = frames[..., ::-1, :].copy()
    mirrored[..., ::2] = 255 - mirrored[..., ::2]
    return mirrored


def test_flipped_flow_changes_the_sign_of_x_only():
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 10), np.uint8)
    np.testing.assert_array_equal(mirror(frames, signed=True), mirror_flow(frames))
    np.testing.assert_array_equal(mirror(frames), frames[:, :, ::-1])
    results = {
        random_flip(frames, seed=[i, 0], signed=True).numpy().tobytes()
        for i in range(20)
    }
    assert results == {frames.tobytes(), mirror_flow(frames).tobytes()}
