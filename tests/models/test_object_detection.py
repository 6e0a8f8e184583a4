import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.backbones import ResNet, TinyResNet
from offkeras.models import RFCN, OFFVideoDetector
from offkeras.models.object_detection import feature_strides
from tests.support import detection
from tests.support.detection import SMALL, small_backbone
from tests.support.helpers import array, randomize
from tests.support.litert import run_in_litert


def frames(count=2, batch=1, size=(64, 80), seed=0):
    shape = (batch, count, *size, 3)
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def detector(*, num_frames=2, **options):
    options = {"backbone": small_backbone(), "filters": 6, **SMALL, **options}
    return OFFVideoDetector(3, num_frames=num_frames, **options)


def rfcn(**options):
    return RFCN(3, **{"backbone": small_backbone(), **SMALL, **options})


def features(model, inputs):
    return model.get_layer("trunk")({"frames": inputs})["features"]


def copy_weights(source, target):
    """By the name of the layer and the place within it."""
    paths = {weight.path: weight for weight in target.weights}
    for weight in source.weights:
        paths[weight.path].assign(weight)


@pytest.mark.slow
def test_parameter_counts_of_resnet_101():
    backbone = ResNet(101)
    baseline = 42_658_176 + (9 * 2048 * 1024 + 1024)  # and the 3x3 convolution
    baseline += 513 * (18 + 36) + 513 * 49 * (31 + 4)

    def block(channels, inner, projects):
        outer = 4 * inner
        count = channels * inner + inner + 9 * inner**2 + inner + inner * outer + outer
        squeezed = outer // 16
        count += outer * squeezed + squeezed + squeezed * outer + outer
        return count + projects * (channels * outer + outer)

    single = 1024 * 128 + 128 + block(1024 + 384, 256, 1) + block(1024, 256, 0)
    multi = 1024 * 128 + 128 + 512 * 128 + 128
    multi += block(384, 128, 1) + block(512, 128, 0)
    multi += block(1024 + 384 + 512, 256, 1) + block(1024, 256, 0)
    for expected, pinned, model in (
        (0, 62_441_065, RFCN(30, backbone=backbone)),
        (single, 66_609_001, OFFVideoDetector(30, scales="single", backbone=backbone)),
        (multi, 68_135_977, OFFVideoDetector(30, backbone=backbone)),
    ):
        assert model.count_params() == baseline + expected == pinned
        assert model.input["frames"].shape[2:] == (None, None, 3)
        assert model.output["boxes"].shape == (None, 300, 4)


@pytest.mark.parametrize("size", [(64, 80), (50, 71)])
@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize(
    "make",
    [
        lambda backbone: (1, rfcn(backbone=backbone)),
        lambda backbone: (2, detector(backbone=backbone, scales="single")),
        lambda backbone: (3, detector(backbone=backbone, num_frames=3)),
    ],
)
def test_detections_of_any_size(make, stride, size):
    count, model = make(small_backbone(stride=stride))
    randomize(model)
    outputs = model({"frames": frames(count, batch=2, size=size)})
    assert {name: (x.shape, x.dtype.name) for name, x in outputs.items()} == {
        "boxes": ((2, 25, 4), "float32"),
        "scores": ((2, 25), "float32"),
        "classes": ((2, 25), "int32"),
        "count": ((2,), "int32"),
    }
    boxes, number = array(outputs["boxes"]), array(outputs["count"])
    assert (number > 0).all()
    assert (boxes >= 0).all() and (boxes <= [size[1], size[0]] * 2).all()
    for image in range(2):
        real = np.arange(25) < number[image]
        assert (boxes[image, real, 2:] > boxes[image, real, :2]).all()
        assert ((array(outputs["classes"])[image] >= 0) == real).all()


def test_detections_follow_from_the_score_maps():
    """The head in NumPy: pooled classes and boxes are bin means of the maps."""
    model = rfcn(num_proposals=4, max_detections=12)
    randomize(model)
    inputs = {"frames": frames(1)}
    head = model.get_layer("head")
    taps = ("class_maps", "box_maps", "proposals", "rpn_class", "rpn_box")
    tapped = keras.Model(head.input, [head.get_layer(tap).output for tap in taps])
    fused = array(features(model, inputs["frames"]))
    class_maps, box_maps, (rois, valid), rpn_class, rpn_box = tapped(
        {"frames": inputs["frames"], "features": fused}
    )
    assert array(valid).all()
    # The first half of the features feeds the proposals, the second the scores.
    for maps, name, part in (
        (rpn_class, "rpn_class", slice(None, 16)),
        (rpn_box, "rpn_box", slice(None, 16)),
        (class_maps, "class_maps", slice(16, None)),
        (box_maps, "box_maps", slice(16, None)),
    ):
        kernel, bias = map(array, head.get_layer(name).weights)
        np.testing.assert_allclose(
            array(maps), fused[..., part] @ kernel[0, 0] + bias, atol=1e-3
        )
    from tests.layers.detection.test_ps_roi_pooling import pool_by_loop

    rois = array(rois)
    logits = pool_by_loop(array(class_maps), rois, 7, 1 / 8).mean(axis=(2, 3))[0]
    deltas = pool_by_loop(array(box_maps), rois, 7, 1 / 8).mean(axis=(2, 3))[0]
    outputs = model(inputs)
    best = array(outputs["scores"])[0, 0]
    scores = detection.softmax(logits)[:, 1:]
    region, winner = np.unravel_index(scores.argmax(), scores.shape)
    np.testing.assert_allclose(best, scores.max(), rtol=1e-4)
    assert array(outputs["classes"])[0, 0] == winner
    box = detection.decode(rois[0, region], deltas[region], (0.1, 0.1, 0.2, 0.2))
    np.testing.assert_allclose(
        array(outputs["boxes"])[0, 0], detection.clip(box, 64, 80), atol=1e-2
    )


def test_off_is_taken_between_key_and_reference():
    """The inputs of the blocks in NumPy: Fx, Fy of the key, key - reference."""
    model = detector()
    randomize(model)
    trunk = model.get_layer("trunk")
    extract, reduce = trunk.get_layer("extract"), trunk.get_layer("reduce")
    clip = frames()
    reduced = [
        {
            level: array(maps)
            for level, maps in reduce(extract({"frame": clip[:, index]})).items()
        }
        for index in range(2)
    ]
    fuse = trunk.get_layer("fuse")
    names = ("off_fine", "off_features")
    tapped = keras.Model(fuse.input, [fuse.get_layer(name).output for name in names])
    key = extract({"frame": clip[:, 1]})["features"]
    inputs = {"features": array(key)}
    for frame, maps in zip(("reference", "key"), reduced, strict=True):
        inputs |= {f"{frame}_{level}": value for level, value in maps.items()}
    for off, level in zip(tapped(inputs), ("fine", "features"), strict=True):
        reference, key_maps = (maps[level] for maps in reduced)
        temporal = array(off)[..., 12:]
        np.testing.assert_allclose(temporal, key_maps - reference, atol=1e-5)
        padded = np.pad(key_maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        right_minus_left = padded[:, :, 2:] - padded[:, :, :-2]
        rows = right_minus_left.shape[1] - 2
        fx = sum(right_minus_left[:, row : row + rows] for row in range(3))
        np.testing.assert_allclose(array(off)[..., :6], fx, atol=1e-4)
    np.testing.assert_allclose(
        array(fuse(inputs)["features"]), array(features(model, clip)), atol=1e-5
    )


def test_references_are_averaged():
    three, two = detector(num_frames=3), detector()
    randomize(three)
    copy_weights(three, two)
    clip = frames(3)
    parts = [array(features(two, clip[:, [index, 2]])) for index in (0, 1)]
    np.testing.assert_allclose(
        array(features(three, clip)), np.mean(parts, axis=0), atol=1e-5
    )


@pytest.mark.parametrize("scales", ["single", "multi"])
def test_the_reference_matters_only_where_it_differs(scales):
    model = detector(scales=scales)
    randomize(model)
    still = np.repeat(frames(1), 2, axis=1)
    moving = still.copy()
    moving[:, 0, 30:34, 40:44] += 50
    difference = array(features(model, moving)) - array(features(model, still))
    assert np.abs(difference).max() > 1e-3
    assert (scales == "multi") == (
        "fine" in model.get_layer("trunk").get_layer("reduce").input
    )


def test_add_starts_as_the_single_frame_detector():
    baseline = rfcn()
    randomize(baseline)
    model = detector(fusion="add")
    copy_weights(baseline, model)
    clip = frames()
    expected = baseline({"frames": clip[:, 1:]})
    for name, value in model({"frames": clip}).items():
        np.testing.assert_array_equal(array(value), array(expected[name]))
    randomize(model)
    assert not np.allclose(
        array(features(model, clip)), array(features(model, clip[:, [1, 1]]))
    )


@pytest.mark.parametrize("train_references", [False, True])
def test_gradients_of_references(train_references):
    model = detector(num_frames=3, train_references=train_references)
    randomize(model)

    # As a graph: some dilated convolutions crash in TensorFlow's eager gradient.
    @tf.function(autograph=False)
    def gradient_of(clip):
        with tf.GradientTape() as tape:
            tape.watch(clip)
            loss = tf.reduce_sum(features(model, clip))
        return tape.gradient(loss, clip)

    gradient = gradient_of(tf.constant(frames(3)))
    gradient = np.abs(tf.convert_to_tensor(gradient)).sum((0, 2, 3, 4))
    assert ((gradient > 0) == [train_references, train_references, True]).all()


def test_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = detector()
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = model({"frames": frames(size=(96, 128))})
    assert outputs["boxes"].dtype == outputs["scores"].dtype == tf.float32
    assert features(model, frames()).dtype == tf.float16
    assert np.isfinite(array(outputs["boxes"])).all()
    assert model.get_layer("head").get_layer("pool_classes").compute_dtype == "float32"


def test_saved_and_loaded(tmp_path):
    model = detector(operator="sobel")
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model({"frames": frames()})
    for name, value in loaded({"frames": frames()}).items():
        np.testing.assert_array_equal(array(value), array(expected[name]))


@pytest.mark.slow
def test_litert_with_builtins_only(tmp_path):
    model = detector(
        backbone=small_backbone(input_shape=(64, 80, 3)),
        pooling="integral",
        num_candidates=400,  # more than one block
    )
    randomize(model)
    inputs = {"frames": frames()}
    outputs = run_in_litert(model, inputs, tmp_path)
    for name, value in model(inputs).items():
        np.testing.assert_allclose(outputs[name], array(value), rtol=1e-3, atol=1e-2)


def test_strides():
    assert feature_strides(TinyResNet(stride=16)) == {"stage1": 8, "stage2": 16}
    fixed = TinyResNet(input_shape=(50, 70, 3))
    assert feature_strides(fixed) == {"stage1": 4, "stage2": 8}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": "both"}, "`scales` must be one of .* Received: 'both'"),
        ({"fusion": "sum"}, "`fusion` must be one of .* Received: 'sum'"),
        ({"num_frames": 1}, "`num_frames` must be at least 2.* Received: 1"),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        detector(**options)


def test_unknown_option():
    with pytest.raises(TypeError, match="num_anchors"):
        rfcn(num_anchors=3)
