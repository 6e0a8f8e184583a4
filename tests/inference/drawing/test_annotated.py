"""What an annotated video keeps of its source: times, shape, colours, the way up."""

import csv
import fractions
import pathlib

import av
import cv2
import numpy as np
import pytest

from offkeras import cli
from offkeras.inference import trained
from tests.inference import test_sources
from tests.support.avi import with_gaps
from tests.support.recognizer import small_recognizer

WINDOW = ["--segments", "2", "--interval", "1", "--hop", "1"]
PATTERN = [0, 1, 2, 3, 50, 51, 60, 61, 62, 90]  # in 25ths of a second
CORNERS = [(250, 250, 250), (0, 160, 0), (0, 0, 200), (200, 0, 0)]


@pytest.fixture(scope="module")
def model():
    """One of as many classes as the model that is shipped."""
    names = trained.trained_model("moving_camera", "recognizer").class_names
    return small_recognizer(len(names))


@pytest.fixture(autouse=True)
def one_model(model, monkeypatch):
    """Loaded and traced once for all tests."""
    monkeypatch.setattr(trained.TrainedModel, "load", lambda found: model)


def write_source(path, *, turn=None, aspect=None, tags=(2, 0, 2, 2)):
    """Four colours at uneven times, tagged: matrix, range, primaries, transfer."""
    picture = np.zeros((96, 128, 3), np.uint8)
    for number, colour in enumerate(CORNERS):
        y, x = divmod(number, 2)
        picture[48 * y :, 64 * x :] = colour
    picture[48:, :64] = CORNERS[2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = tags[:2]
        context.color_primaries, context.color_trc = tags[2:]
        if aspect:
            context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(*turn)
        for slot in PATTERN:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(
                format="yuv420p", dst_colorspace=tags[0], dst_color_range=tags[1]
            )
            frame.pts, frame.time_base = slot, fractions.Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def annotate(source, folder, *options):
    """Frames and stream of the annotated video, and the times of the CSV."""
    output, table = folder / "out.mp4", folder / "out.csv"
    cli.main(
        ["classify", source, *WINDOW, *options]
        + ["--output", str(output), "--csv", str(table)]
    )
    with open(table) as file:
        rows = [float(row["time"]) for row in csv.DictReader(file)]
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        context = stream.codec_context
        kept = {
            "aspect": stream.sample_aspect_ratio,
            "tags": (
                *(int(frames[0].colorspace), int(frames[0].color_range)),
                *(context.color_primaries, context.color_trc),
            ),
        }
    return [frame.time for frame in frames], frames, kept, rows


@pytest.mark.parametrize("options", [(), ("--isolated",)], ids=str)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_are_those_of_the_source_and_of_the_csv(suffix, options, tmp_path):
    source = write_source(tmp_path / f"a.{suffix}")
    times, _, _, rows = annotate(source, tmp_path, *options)
    np.testing.assert_allclose(times, np.array(PATTERN) / 25, atol=2e-5)
    np.testing.assert_allclose(rows, times[1:], atol=2e-5)


def test_gaps_of_an_avi_stay(encode, tmp_path):
    path = pathlib.Path(
        encode("a.avi", codec="mjpeg", pixel_format="yuvj420p", num_frames=9)
    )
    path.write_bytes(with_gaps(path.read_bytes(), {4: 20}))
    times, _, _, _ = annotate(str(path), tmp_path)
    slots = np.arange(9) + 20 * (np.arange(9) >= 4)
    np.testing.assert_allclose(times, slots / 25, atol=2e-5)


@pytest.mark.parametrize(
    "tags, options",
    [
        ((1, 1, 1, 1), ()),
        ((6, 1, 6, 6), ()),
        ((1, 2, 1, 1), ()),
        ((9, 1, 9, 16), ("--isolated",)),
    ],
    ids=str,
)
def test_pixels_and_colours_stay(tags, options, tmp_path):
    """The samples of the file too: a player shows them as those of the source."""
    aspect = fractions.Fraction(64, 45)
    source = write_source(tmp_path / "a.mp4", aspect=aspect, tags=tags)
    _, frames, kept, _ = annotate(source, tmp_path, *options)
    assert kept == {"aspect": aspect, "tags": tags}
    with av.open(source) as container:
        before = next(container.decode(video=0)).to_ndarray().astype(int)
    after = frames[0].to_ndarray().astype(int)  # nothing is drawn on the first frame
    assert np.percentile(np.abs(after - before), 90) <= 2


def test_an_untagged_source_stays_so(tmp_path):
    _, _, kept, _ = annotate(write_source(tmp_path / "a.mp4"), tmp_path)
    assert kept == {"aspect": None, "tags": (2, 0, 2, 2)}


@pytest.mark.parametrize("turn", [(90,), (0, True), (90, True), (180, False, True)])
def test_turned_and_mirrored_videos_are_drawn_upright(turn, tmp_path):
    source = write_source(tmp_path / "a.mp4", turn=turn, aspect=fractions.Fraction(2))
    _, frames, kept, _ = annotate(source, tmp_path)
    shown = frames[0].to_ndarray(format="rgb24").astype(int)
    corners = np.array(CORNERS).reshape(2, 2, 3)
    corners = np.rot90(corners, turn[0] // 90)  # counter-clockwise, then the mirrors
    corners = corners[:, ::-1] if turn[1:2] == (True,) else corners
    corners = corners[::-1] if turn[2:] == (True,) else corners
    found = shown[[8, 8, -8, -8], [8, -8, 8, -8]]
    assert np.abs(found - corners.reshape(4, 3)).max() < 25
    sideways = turn[0] == 90
    assert shown.shape[:2] == ((128, 96) if sideways else (96, 128))
    assert kept["aspect"] == (fractions.Fraction(1, 2) if sideways else 2)


def test_a_camera_is_written_by_its_clock(tmp_path, monkeypatch):
    """Twenty frames a second, not the 25 of a folder of images."""
    ticks = iter(range(1000))
    monkeypatch.setattr(cv2, "VideoCapture", test_sources.FakeCamera)
    monkeypatch.setattr(
        test_sources.sources.time, "monotonic", lambda: next(ticks) / 20
    )
    times, _, _, rows = annotate("3", tmp_path, "--seconds", "0.5")
    assert len(times) >= 5
    np.testing.assert_allclose(times, np.arange(len(times)) / 20, atol=2e-5)
    np.testing.assert_allclose(rows, times[1:], atol=2e-5)
