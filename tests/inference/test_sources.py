import cv2
import numpy as np
import PIL.Image
import pytest

from offkeras import data, inference
from offkeras.data import images as data_images
from offkeras.inference import sources
from offkeras.models import DnCNN, OFFArtifactRemover
from tests.support.recognizer import small_recognizer


@pytest.fixture
def images(tmp_path):
    """Function that writes noisy images; returns the folder."""

    def write(names, *, size=(24, 32)):
        for number, name in enumerate(names):
            rng = np.random.default_rng(number)
            array = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            path = tmp_path / "images" / name
            path.parent.mkdir(exist_ok=True)
            PIL.Image.fromarray(array).save(path)
        return tmp_path / "images"

    return write


def test_a_folder_of_images_by_name(images):
    folder = images(["b.png", "a.PNG", "c.bmp"])
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    times, frames = zip(*inference.iterate_source(folder), strict=True)
    assert times == pytest.approx((0, 0.04, 0.08))
    for frame, seed in zip(frames, (1, 0, 2), strict=True):
        rng = np.random.default_rng(seed)
        expected = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        np.testing.assert_array_equal(frame, expected)
    assert inference.measure(folder) == (3, 25)
    chosen = sources.read_source_frames(folder, [2, 0], transform=np.negative)
    np.testing.assert_array_equal(chosen, [-frames[2], -frames[0]])


def test_images_are_upright_and_rgb(tmp_path):
    gray = PIL.Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    gray.save(tmp_path / "a.png", exif=exif)
    ((_, frame),) = inference.iterate_source(tmp_path)
    expected = np.rot90(np.arange(12).reshape(3, 4), -1)
    np.testing.assert_array_equal(frame, np.stack([expected] * 3, -1))


def test_broken_images_are_named(images, tmp_path):
    folder = images(["a.png", "b.jpg"])
    content = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(data.VideoError, match=r"b\.jpg: is not a readable image"):
        list(inference.iterate_source(folder))
    images(["b.jpg"], size=(16, 32))
    message = r"b\.jpg: expected 32x24 pixels, as a\.png has\. Received: 32x16"
    with pytest.raises(data.VideoError, match=message):
        list(inference.iterate_source(folder))
    deep = PIL.Image.fromarray(np.zeros((24, 32), np.uint16))
    (folder / "b.jpg").unlink()
    deep.save(folder / "c.png")
    with pytest.raises(data.VideoError, match=r"c\.png: expected 8 bits per colour"):
        list(inference.iterate_source(folder))
    (tmp_path / "none").mkdir()
    with pytest.raises(data.VideoError, match="none: holds no image"):
        list(inference.iterate_source(tmp_path / "none"))


def test_huge_images_are_refused_by_their_header(images, monkeypatch):
    folder = images(["a.png"])
    monkeypatch.setattr(data_images, "MAX_PIXELS", 767)
    with pytest.raises(data.VideoError, match="a.png: has 32x24 pixels, more than 767"):
        list(inference.iterate_source(folder))


class FakeCamera:
    """What cv2.VideoCapture shows of a camera that is unplugged after 20 frames."""

    released = 0

    def __init__(self, index):
        assert index == 3
        frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(20))
        self.frames = iter(frames[..., ::-1])  # BGR

    def set(self, key, value):
        assert (key, value) == (cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self):
        frame = next(self.frames, None)
        return frame is not None, frame

    def release(self):
        type(self).released += 1


@pytest.fixture
def camera(monkeypatch):
    """Camera 3, at ten frames a second."""
    ticks = iter(range(1000))
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    monkeypatch.setattr(FakeCamera, "released", 0)
    monkeypatch.setattr(sources.time, "monotonic", lambda: next(ticks) / 20)


def test_a_camera_until_its_time_is_over(camera):
    look = inference.Camera(3, seconds=0.5)
    times, frames = zip(*inference.iterate_source(look), strict=True)
    assert 5 <= len(times) <= 11
    assert times[0] < times[1] < times[-2] < 0.5 <= times[-1]
    path = data.sample_video("carphone_pristine.mp4")
    np.testing.assert_array_equal(frames[2], data.read_frames(path, [2])[0])
    assert FakeCamera.released == 1


def test_a_camera_that_goes_away(camera):
    stream = inference.iterate_source(3)
    with pytest.raises(data.VideoError, match="camera 3: gave no picture after 20"):
        list(stream)
    assert FakeCamera.released == 1
    stream = inference.iterate_source(3)
    next(stream)
    stream.close()
    assert FakeCamera.released == 2


def test_classify_folders_and_cameras_as_videos(camera, tmp_path):
    recognizer = small_recognizer()
    path = data.sample_video("carphone_pristine.mp4")
    for number, frame in enumerate(data.read_frames(path, range(20))):
        PIL.Image.fromarray(frame).save(tmp_path / f"{number:04}.png")
    window = dict(num_segments=3, interval=2, hop=2)
    from_folder = list(inference.classify(tmp_path, recognizer, **window))
    look = inference.Camera(3, seconds=0.4)
    from_camera = list(inference.classify(look, recognizer, **window))
    from_file = list(inference.classify(path, recognizer, **window))
    assert len(from_folder) == 8
    for other in (from_folder, from_camera):
        for got, want in zip(other, from_file, strict=False):
            np.testing.assert_allclose(got.probabilities, want.probabilities, atol=1e-5)
    whole = inference.classify_video(tmp_path, recognizer, total_segments=3)
    assert whole.timestamp == pytest.approx(12 / 25)
    with pytest.raises(ValueError, match="`interval` to be given for .*camera 3"):
        next(inference.classify(inference.Camera(3), recognizer))
    with pytest.raises(ValueError, match="a video with an end. Received: camera 3"):
        inference.classify_video(inference.Camera(3), recognizer)


def test_an_isolated_file_is_read_as_any_other():
    path = data.sample_video("carphone_pristine.mp4")
    isolated = inference.Isolated(path)
    assert inference.measure(isolated) == inference.measure(path)
    pairs = zip(
        inference.iterate_source(isolated), inference.iterate_source(path), strict=True
    )
    for got, want in pairs:
        assert got[0] == want[0]
        np.testing.assert_array_equal(got[1], want[1])
    with pytest.raises(ValueError, match="Expected a path: no `Isolated` can seek"):
        inference.classify_video(isolated, small_recognizer())


def test_restored_images_keep_their_names(images, tmp_path):
    folder = images(["b.bmp", "a.png"])
    counts = []
    model = DnCNN(width=4, depth=2)  # untrained it returns its input
    output = tmp_path / "restored"
    assert inference.restore_images(folder, output, model, done=counts.append) == 2
    assert counts == [1, 2]
    assert sorted(path.name for path in output.iterdir()) == ["a.png", "b.png"]
    before = [frame for _, frame in inference.iterate_source(folder)]
    after = [frame for _, frame in inference.iterate_source(output)]
    np.testing.assert_array_equal(after, before)
    with pytest.raises(ValueError, match="to be a new folder. Received: .*restored"):
        inference.restore_images(folder, output, model)
    images(["a.bmp"])
    with pytest.raises(ValueError, match="to differ before the dot"):
        inference.restore_images(folder, tmp_path / "more", model)


def test_restoring_images_is_restoring_their_video(images):
    folder = images([f"{i}.png" for i in range(4)])
    model = OFFArtifactRemover(3, width=4, refine_convs=2, tail_convs=3)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.15, weight.shape))
    frames = np.stack([frame for _, frame in inference.iterate_source(folder)])
    padded = np.pad(frames, ((1, 1), (0, 0), (0, 0), (0, 0)), "edge")
    times, restored = zip(*inference.restore(folder, model), strict=True)
    assert times == pytest.approx(np.arange(4) / 25)
    for index, got in enumerate(restored):
        clip = padded[None, index : index + 3].astype("float32")
        want = np.clip(model({"frames": clip})["restored"][0], 0, 255).round()
        assert np.abs(got - want).max() <= 1
        assert np.abs(got - want).mean() < 1e-3


def test_an_interrupted_restoration_of_images_leaves_nothing(images, tmp_path):
    folder = images(["a.png", "b.png", "c.png"])

    def done(count):
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inference.restore_images(
            folder, tmp_path / "out", DnCNN(width=4, depth=2), done=done
        )
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
