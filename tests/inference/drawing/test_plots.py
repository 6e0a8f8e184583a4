import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from offkeras import data, inference


@pytest.fixture
def frames():
    original = data.read_frames(data.sample_video("bikes.mp4"), [20])[0]
    noise = np.random.default_rng(0).normal(0, 8, original.shape)
    before = np.clip(original + noise, 0, 255).round().astype(np.uint8)
    after = np.clip(original + noise / 2, 0, 255).round().astype(np.uint8)
    return before, after, original


@pytest.fixture
def titles(monkeypatch):
    """The titles and pictures of the figure that is saved."""
    shown = {}
    save = Figure.savefig

    def saving(figure, path, **options):
        for axes in figure.axes:
            shown[axes.get_title()] = axes.images[0].get_array()
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", saving)
    return shown


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_restoration_with_the_original(frames, titles, tmp_path):
    before, after, original = frames
    path, crop = tmp_path / "restored.png", (30, 200, 60, 80)
    inference.draw_restoration(before, after, path, original=original, crop=crop)
    expected = {
        f"compressed, {psnr(before, original):.2f} dB": before,
        f"restored, {psnr(after, original):.2f} dB": after,
        "original": original,
    }
    assert list(titles) == list(expected)
    for title, frame in expected.items():
        np.testing.assert_array_equal(titles[title], frame[30:90, 200:280])
    picture = matplotlib.image.imread(path)
    assert picture.shape[1] > 2.5 * picture.shape[0]


def test_restoration_alone_shows_the_whole_frame(frames, titles, tmp_path):
    before, after, _ = frames
    inference.draw_restoration(before, after, tmp_path / "restored.png")
    assert list(titles) == ["compressed", "restored"]
    np.testing.assert_array_equal(titles["restored"], after)


@pytest.mark.parametrize(
    "crop", [(0, 0, 273, 10), (-1, 0, 5, 5), (0, 630, 5, 11), (0, 0, 0, 5)]
)
def test_a_crop_outside_the_frame(crop, frames, tmp_path):
    with pytest.raises(ValueError, match="within a frame of 640x272. Received: "):
        inference.draw_restoration(*frames[:2], tmp_path / "a.png", crop=crop)


def test_frames_of_different_sizes(frames, tmp_path):
    before, after, _ = frames
    with pytest.raises(ValueError, match="Expected frames of one size.*restored"):
        inference.draw_restoration(before, after[1:], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_class_names_are_no_formulas(tmp_path, monkeypatch):
    names, shown = ("$5 {and_", "a$b$c", "marché 10%"), []
    save = Figure.savefig

    def saving(figure, path, **options):
        shown.extend(label.get_text() for label in figure.axes[0].get_xticklabels())
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", saving)
    path = tmp_path / "matrix.png"
    inference.draw_confusion_matrix(np.eye(3, dtype=int), names, path)
    assert tuple(shown) == names
    assert matplotlib.image.imread(path).shape[2] == 4
