import types

import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data.actions import video_examples
from offkeras.data.actions.video_examples import (
    ExampleOptions,
    image_ranges,
    make_example,
)
from offkeras.video import optical_flow
from offkeras.video.reading import VideoError
from offkeras.video.vectors.reading import iterate_fields

SMALL = {"height": 48, "width": 64}


def entry(path, **fields):
    fields = {"name": "a/b.avi", "label": 3, "group": "a/b", **fields}
    return types.SimpleNamespace(path=path, **fields)


def images(example, name):
    """The decoded images of a feature list, BGR or gray."""
    features = example.feature_lists.feature_list[name].feature
    flag = cv2.IMREAD_COLOR if name == "rgb" else cv2.IMREAD_GRAYSCALE
    jpegs = [np.frombuffer(f.bytes_list.value[0], np.uint8) for f in features]
    return np.stack([cv2.imdecode(jpeg, flag) for jpeg in jpegs])


@pytest.mark.parametrize("method", optical_flow.METHODS)
def test_an_example_holds_the_frames_and_the_flow_between_them(
    method, encode, decode_all
):
    path = encode("clip.avi", codec="mpeg4", num_frames=5, height=48, width=64)
    options = ExampleOptions(**SMALL, flow=method, vectors="previous")
    serialized = make_example(entry(path), options)
    example = tf.train.SequenceExample.FromString(serialized)
    _, frames = decode_all(path)

    rgb = images(example, "rgb")[..., ::-1]
    assert rgb.shape == frames.shape == (5, 48, 64, 3)
    luma = np.array([0.299, 0.587, 0.114])  # JPEG keeps colour at half the size
    assert np.abs(rgb @ luma - frames @ luma).mean() < 2
    flow = np.stack([images(example, "flow_x"), images(example, "flow_y")], -1)
    assert flow.shape == (4, 48, 64, 2)
    # Flow i leads from frame i to frame i + 1, q = round(255 (v + 20) / 40).
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    between = optical_flow.estimator(method)
    for i in range(4):
        v = between(gray[i], gray[i + 1])
        expected = np.clip(np.rint(255 * (v + 20) / 40), 0, 255)
        assert np.abs(flow[i] - expected).mean() < 1

    # So do the motion vectors, from frame 1 on.
    codec = np.stack([images(example, "codec_x"), images(example, "codec_y")], -1)
    fields = [field.image() for _, _, field in iterate_fields(path)]
    assert codec.shape == (4, 48, 64, 2)
    assert np.abs(codec.astype(int) - fields[1:]).mean() < 1

    # TensorFlow reads it without this library.
    context, lists = tf.io.parse_single_sequence_example(
        serialized,
        context_features={
            **{
                name: tf.io.FixedLenFeature([], tf.int64)
                for name in ("label", "num_frames", "height", "width")
            },
            "name": tf.io.FixedLenFeature([], tf.string),
            "group": tf.io.FixedLenFeature([], tf.string),
            "fps": tf.io.FixedLenFeature([], tf.float32),
        },
        sequence_features={
            name: tf.io.FixedLenSequenceFeature([], tf.string)
            for name in video_examples.IMAGES
        },
    )
    assert {name: value.numpy() for name, value in context.items()} == {
        **{"label": 3, "num_frames": 5, "height": 48, "width": 64},
        **{"name": b"a/b.avi", "group": b"a/b", "fps": 25.0},
    }
    assert [len(lists[name]) for name in video_examples.IMAGES] == [5, 4, 4, 4, 4]
    assert make_example(entry(path), options) == serialized


def test_ranges_point_at_the_images(encode):
    path = encode("clip.mp4", num_frames=4, height=48, width=64)
    serialized = make_example(entry(path), ExampleOptions(**SMALL, vectors="next"))
    example = tf.train.SequenceExample.FromString(serialized)
    ranges = image_ranges(example, serialized)
    expected = [
        feature.bytes_list.value[0]
        for name in video_examples.IMAGES
        for feature in example.feature_lists.feature_list[name].feature
    ]
    assert len(expected) == 4 + 3 + 3
    assert [serialized[begin:end] for begin, end in ranges] == expected
    assert (np.diff(ranges[:4].ravel()) > 0).all()


@pytest.mark.parametrize(
    "aspect, size, stored",
    [
        ("stretch", (64, 96), (48, 64)),
        ("keep", (64, 96), (48, 72)),
        ("keep", (96, 32), (144, 48)),
    ],
)
def test_frames_are_stretched_or_keep_their_aspect(aspect, size, stored, encode):
    path = encode("clip.mp4", num_frames=1, height=size[0], width=size[1])
    options = ExampleOptions(**SMALL, aspect=aspect, flow="dis")
    example = tf.train.SequenceExample.FromString(make_example(entry(path), options))
    assert images(example, "rgb").shape == (1, *stored, 3)
    context = example.context.feature
    found = [context[name].int64_list.value[0] for name in ("height", "width")]
    assert tuple(found) == stored
    assert context["fps"].float_list.value[0] == 25  # of the header: one frame only
    assert not example.feature_lists.feature_list["flow_x"].feature


def test_quality_takes_effect(encode):
    path = encode("clip.mp4", num_frames=2)
    sizes = [
        len(make_example(entry(path), ExampleOptions(**SMALL, quality=quality)))
        for quality in (20, 95)
    ]
    assert 2 * sizes[0] < sizes[1]


def test_too_large_a_video_is_refused_early(encode, monkeypatch):
    path = encode("clip.mp4", num_frames=20)
    monkeypatch.setattr(video_examples, "MAX_BYTES", 20_000)
    with pytest.raises(VideoError, match="clip.mp4: frame [1-9] exceeds 1 GiB"):
        make_example(entry(path), ExampleOptions(**SMALL))


def test_too_large_a_stored_frame_is_refused(encode, monkeypatch):
    path = encode("clip.mp4", num_frames=1, height=16, width=640)
    monkeypatch.setattr(video_examples, "MAX_PIXELS", 48 * 1900)
    options = ExampleOptions(**SMALL, aspect="keep")
    with pytest.raises(VideoError, match="clip.mp4: .* stored at 1920x48: too large"):
        make_example(entry(path), options)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"height": 8}, "Expected height and width of at least 16"),
        ({"quality": 0}, "Expected quality in 1..100. Received: 0"),
        ({"aspect": "crop"}, "Expected aspect to be one of .*Received: 'crop'"),
        ({"vectors": "both"}, "Expected vectors to be one of .*Received: 'both'"),
        ({"flow": "farneback"}, "Expected flow to be one of .*Received: 'farneback'"),
    ],
)
def test_wrong_options_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        ExampleOptions(**fields)
