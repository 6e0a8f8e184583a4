import itertools

import av
import cv2
import numpy as np
import pytest

from offkeras.video import VideoError, iterate_frames, optical_flow, probe
from offkeras.video.streams.orientation import Orientation
from offkeras.video.vectors import fields, reading
from offkeras.video.vectors.reading import iterate_fields, read_fields
from tests.video.test_reading import count_decoded

MOVED = (3, -2)  # pixels right and down in a frame
B = {"bf": "2"}
# One reference frame: the distance to others is not told.
H264 = {"g": "12", "x264-params": "scenecut=0:ref=1"}
FILES = {
    "h264.mp4": ("libx264", {**H264, "bf": "0"}),
    "h264_b.mp4": ("libx264", {**H264, "bf": "3"}),
    "mpeg4.avi": ("mpeg4", {}),
    "mpeg4_b.avi": ("mpeg4", B),
    "mpeg4_qpel.mp4": ("mpeg4", {**B, "flags": "+qpel+mv4"}),
    "mpeg2.mpg": ("mpeg2video", {}),
    "mpeg2_b.mpg": ("mpeg2video", B),
    "mpeg1_b.mpg": ("mpeg1video", B),
    "h263.3gp": ("h263", {}),
    "h263p.avi": ("h263p", {}),
    "flv1.flv": ("flv", {}),
    "wmv1.asf": ("wmv1", {}),
    "wmv2.asf": ("wmv2", {}),
    "msmpeg4v2.avi": ("msmpeg4v2", {}),
    "msmpeg4v3.avi": ("msmpeg4", {}),
}
VECTOR = np.dtype(
    [(name, np.int32) for name in ("source", "w", "h", "dst_x", "dst_y")]
    + [(name, np.int32) for name in ("motion_x", "motion_y", "motion_scale")]
)


def panned(count, height, width, moved):
    """Frames of smooth noise, all of which moves by whole pixels."""
    rng = np.random.default_rng(0)
    spare = count * np.abs(moved)
    shape = (height + int(spare[1]), width + int(spare[0]), 3)
    noise = cv2.GaussianBlur(rng.integers(0, 256, shape).astype(np.uint8), (0, 0), 2.0)
    noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    for i in range(count):
        left, top = (
            s * (v > 0) - v * i for s, v in zip(spare.tolist(), moved, strict=True)
        )
        yield np.ascontiguousarray(noise[top : top + height, left : left + width])


@pytest.fixture
def pan(tmp_path):
    """Function that writes a video that moves by `MOVED`."""

    def pan(name, codec, options, *, count=14, height=144, width=176, rotation=None):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.height, stream.width = height, width
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.bit_rate = 4_000_000
            if rotation is not None:
                stream.set_display_rotation(rotation)
            for array in panned(count, height, width, MOVED):
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return str(path)

    return pan


@pytest.mark.parametrize("name", FILES)
def test_the_median_is_the_motion_within_half_a_pixel(name, pan):
    """Of the cells that have a vector of the past, from the fifth frame on.

    Some encoders look no further than 2 pixels in their first frames.
    """
    path = pan(name, *FILES[name])
    found = list(iterate_fields(path))
    frames = [frame for _, frame in iterate_frames(path)]
    assert len(found) == len(frames) == 14
    medians = []
    for (_, frame, field), expected in zip(found, frames, strict=True):
        np.testing.assert_array_equal(frame, expected)
        dense = field.dense()
        assert dense.shape == (*frame.shape[:2], 2) and dense.dtype == np.float32
        medians.append(np.median(dense[dense.any(axis=-1)], axis=0))
    error = np.abs(np.array(medians) - MOVED).max(axis=-1)
    assert (error[4:] <= 0.5).all(), np.round(medians, 2)


def test_the_codecs_that_are_tested_are_those_that_are_taken(pan):
    names = {av.Codec(codec, "w").canonical_name for codec, _ in FILES.values()}
    names.remove("h263p")  # has the decoder of h263
    assert names == set(fields.CODECS)


@pytest.mark.parametrize(
    ("codec", "received"),
    [
        ("libx265", "hevc"),
        ("libvpx", "vp8"),
        ("libvpx-vp9", "vp9"),
        ("libsvtav1", "av1"),
        ("mjpeg", "mjpeg"),
    ],
)
def test_other_codecs_are_refused_by_name(codec, received, pan):
    path = pan("a.mkv", codec, {}, count=2)
    for read in (lambda: next(iterate_fields(path)), lambda: read_some(path, [0])):
        with pytest.raises(VideoError, match=f"a.mkv: Expected .* h264.*: {received}"):
            read()


def read_some(path, indices, rule="previous"):
    info = probe(path)
    return read_fields(info, indices, rule=rule, transform=lambda field: field.dense())


def test_a_video_without_vectors_is_refused(pan):
    path = pan("a.mp4", "libx264", {"g": "1"}, count=5)
    for read in (lambda: list(iterate_fields(path)), lambda: read_some(path, [2])):
        with pytest.raises(VideoError, match="no motion vectors in any"):
            read()


def loop(vectors, height, width):
    """The rules of EMV, pixel by pixel."""
    dense = np.zeros((height, width, 2))
    for v in vectors:
        if v["source"] > 0:
            continue
        for y in range(v["dst_y"] - v["h"] // 2, v["dst_y"] + v["h"] // 2):
            for x in range(v["dst_x"] - v["w"] // 2, v["dst_x"] + v["w"] // 2):
                if 0 <= y < height and 0 <= x < width:
                    motion = np.array([v["motion_x"], v["motion_y"]])
                    dense[y, x] = -motion / v["motion_scale"]
    return dense


@pytest.mark.parametrize(("height", "width"), [(48, 64), (37, 51)])
def test_a_field_is_that_of_a_loop(height, width):
    """Blocks of four sizes, that overlap, reach over the edge or come from ahead."""
    rng = np.random.default_rng(0)
    vectors = np.zeros(40, VECTOR)
    vectors["source"] = rng.choice([-1, -1, 1], 40)
    vectors["w"], vectors["h"] = rng.choice([8, 16], (2, 40))
    for place, side, length in (("dst_x", "w", width), ("dst_y", "h", height)):
        corner = 8 * rng.integers(-1, length // 8 + 1, 40)
        vectors[place] = corner + vectors[side] // 2
    vectors["motion_x"], vectors["motion_y"] = rng.integers(-40, 40, (2, 40))
    vectors["motion_scale"] = rng.choice([2, 4], 40)
    for chosen in (vectors, vectors[:1], vectors[vectors["source"] > 0]):
        grid, cell = fields.fill(chosen, height, width)
        upright = Orientation(False, False, False)
        field = fields.MotionField(grid, cell, height, width, upright)
        np.testing.assert_allclose(field.dense(), loop(chosen, height, width))
    assert fields.fill(vectors, height, width)[1] == 8


def test_the_image_is_quantised_as_flow_in_pixels_of_ucf101():
    grid = np.float32([[[3, -2], [0, 30]]])
    field = fields.MotionField(grid, 240, 240, 480, Orientation(False, False, False))
    expected = optical_flow.quantize(field.dense())
    np.testing.assert_array_equal(field.image(), expected)
    assert expected[0, 0].tolist() == [147, 115]
    larger = field._replace(cell=480, height=480, width=960, grid=2 * grid)
    np.testing.assert_array_equal(larger.image()[::2, ::2], expected)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_field_is_turned_as_its_frame_is(rotation, pan):
    path = pan("a.mp4", "libx264", {**H264, "bf": "0"}, rotation=rotation, count=4)
    *_, (_, frame, field) = iterate_fields(path)
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for _, f in iterate_frames(path)]
    flow = optical_flow.estimator("dis")(*grey[-2:])
    dense = field.dense()
    assert dense.shape[:2] == frame.shape[:2]
    median = np.median(dense.reshape(-1, 2), axis=0)
    np.testing.assert_allclose(median, np.median(flow.reshape(-1, 2), 0), atol=0.5)
    assert sorted(np.abs(median)) == [2, 3]


@pytest.mark.parametrize("rule", fields.RULES)
def test_frames_without_vectors_take_those_of_a_neighbour(rule, pan):
    path = pan("a.mp4", "libx264", {**H264, "g": "5", "bf": "0"})
    found = [field for _, _, field in iterate_fields(path, rule=rule)]
    for i in range(14):
        others = [j for j in range(14) if found[i] is found[j]]
        # Key frames are 0, 5 and 10. The first has none before it.
        expected = {0: 1, 5: 4, 10: 9} if rule == "previous" else {0: 1, 5: 6, 10: 11}
        pairs = [{key, other} for key, other in expected.items()]
        assert set(others) == next((pair for pair in pairs if i in pair), {i})
    with pytest.raises(ValueError, match="Expected vectors to be one of"):
        next(iterate_fields(path, rule="nearest"))


@pytest.mark.parametrize("rule", fields.RULES)
@pytest.mark.parametrize("name", ["h264_b.mp4", "mpeg4_b.avi", "open.mp4"])
def test_chosen_fields_are_those_of_the_whole_video(name, rule, pan):
    open_gop = ("libx264", {"g": "8", "bf": "3", "x264-params": "open-gop=1"})
    path = pan(name, *FILES.get(name, open_gop), count=30)
    expected = [field.dense() for _, _, field in iterate_fields(path, rule=rule)]
    for chosen in ([0], [12], [24], [11, 12, 13, 25], [29], range(30)):
        found = read_some(path, chosen, rule)
        for i, field in zip(chosen, found, strict=True):
            np.testing.assert_array_equal(field, expected[i])


def test_only_what_is_needed_is_decoded(pan, monkeypatch):
    path = pan("a.mp4", *FILES["h264.mp4"], count=60, height=32, width=32)
    counts = count_decoded(monkeypatch)
    read_some(path, [27, 28, 50])
    assert len(counts) == len(set(counts)) <= 5 + 3


def test_a_neighbour_that_the_index_does_not_tell_of_is_found(pan, monkeypatch):
    """Where decoding begins at a frame without vectors, all is decoded."""
    path = pan("a.mp4", *FILES["h264.mp4"])
    *_, expected, _ = (field.dense() for _, _, field in iterate_fields(path))
    monkeypatch.setattr(reading, "_neighbours", lambda *_: ())
    counts = count_decoded(monkeypatch)
    (found,) = read_some(path, [12])
    np.testing.assert_array_equal(found, expected)
    assert len(counts) == 1 + 13


def test_the_distance_of_b_frames_is_counted_from_the_last_other_frame(pan):
    """I B B P: one, two and three frames."""
    path = pan("a.mpg", "mpeg2video", B)
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"flags2": "+export_mvs"}
        decoded = list(itertools.islice(container.decode(stream), 4))
        types = [int(frame.pict_type) for frame in decoded]
        raw = [f.side_data.get("MOTION_VECTORS").to_ndarray() for f in decoded[1:]]
    assert types == [1, 3, 3, 2]
    for number, (_, _, field) in enumerate(iterate_fields(path)):
        if 0 < number < 4:
            grid, _ = fields.fill(raw[number - 1], 144, 176)
            np.testing.assert_allclose(field.grid, grid / number, rtol=1e-6)
