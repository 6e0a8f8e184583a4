import io
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from offkeras import data, export, models
from offkeras.export.signatures import signatures
from tests.export import tiny_models

SIGNATURES = ("serving_default", "encoded", "start", "step")

# Runs without keras and offkeras: TensorFlow alone must be enough.
READER = """
import sys
sys.modules["keras"] = sys.modules["offkeras"] = None
import numpy as np, tensorflow as tf
folder, *versions = sys.argv[1:]
inputs = np.load(folder + "/inputs.npz", allow_pickle=False)
answers = {}
for number, version in enumerate(versions):
    model = tf.saved_model.load(version)
    for name in model.signatures:
        prefix = f"{number}/{name}/"
        given = {k[len(prefix):]: inputs[k] for k in inputs if k.startswith(prefix)}
        answer = model.signatures[name](**{k: tf.constant(v) for k, v in given.items()})
        answers |= {prefix + key: value.numpy() for key, value in answer.items()}
np.savez(folder + "/answers.npz", **answers)
"""


def inputs_of(task):
    """Real frames for every signature, and what the Keras models make of them."""
    frames, model = tiny_models.clips(task, 2), tiny_models.model(task)
    found = signatures(model)
    started = found["start"]({"frame": frames[:, 0]})
    state = {k: np.asarray(v) for k, v in started.items() if k.startswith("state_")}
    jpegs = [[tf.io.encode_jpeg(frame).numpy() for frame in clip] for clip in frames]
    inputs = {
        "serving_default": {"frames": frames},
        "start": {"frame": frames[:, 0]},
        "step": {"frame": frames[:, 1], **state},
    }
    expected = {name: found[name](given) for name, given in inputs.items()}
    decoded = np.stack(
        [[PIL.Image.open(io.BytesIO(image)) for image in clip] for clip in jpegs]
    )
    if task == "recognizer":
        size = tiny_models.SIZES[task][0]
        decoded = np.stack([data.center_crop(clip, size) for clip in decoded])
    expected["encoded"] = found["serving_default"]({"frames": decoded})
    return inputs | {"encoded": {"images": np.array(jpegs)}}, expected


@pytest.mark.slow
def test_answers_with_tensorflow_alone(exported, tmp_path):
    versions = [exported(task, "saved_model") for task in tiny_models.TASKS]
    inputs, expected = {}, {}
    for number, task in enumerate(tiny_models.TASKS):
        given, outputs = inputs_of(task)
        for name in SIGNATURES:
            prefix = f"{number}/{name}/"
            inputs |= {prefix + key: value for key, value in given[name].items()}
            expected |= {prefix + key: value for key, value in outputs[name].items()}
    np.savez(tmp_path / "inputs.npz", **inputs)
    subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path), *map(str, versions)], check=True
    )
    answers = np.load(tmp_path / "answers.npz")
    assert set(answers) == set(expected)
    for key, value in expected.items():
        value = np.asarray(value)
        if value.dtype == np.uint8:  # the rounding may go either way
            assert np.abs(answers[key].astype(int) - value).max() <= 1
        else:
            atol = 1e-5 * np.abs(value).max()
            np.testing.assert_allclose(answers[key], value, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "task",
    [
        "restorer",
        *(
            pytest.param(task, marks=pytest.mark.slow)
            for task in ("recognizer", "detector")
        ),
    ],
)
def test_warm_up_records_are_requests_that_the_signatures_answer(task, exported):
    version = exported(task, "saved_model")
    loaded = tf.saved_model.load(str(version))
    file = version / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    assert len(records) <= 1000
    answered = []
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert request.model_spec.name == task
        name = request.model_spec.signature_name
        inputs = {
            key: tf.constant(tf.make_ndarray(value))
            for key, value in request.inputs.items()
        }
        for value in loaded.signatures[name](**inputs).values():
            assert value.shape[0] == 1
        answered.append(name)
    assert sorted(answered) == sorted(SIGNATURES)


def test_labels_and_model_card(exported):
    extra = exported("recognizer", "saved_model") / "assets.extra"
    assert (extra / "labels.txt").read_text().split() == list(tiny_models.CLASS_NAMES)
    card = (extra / "model_card.md").read_text()
    assert f"{tiny_models.model('recognizer').count_params():,} parameters" in card
    for name in SIGNATURES:
        assert f"\n## {name}\n" in card
    assert "| in | `frames` | uint8 | ? x ? x 32 x 32 x 3 |" in card
    assert "| out | `probabilities` | float32 | ? x 2 |" in card


def test_versions_count_up_and_nothing_half_written_stays(tmp_path):
    model = models.DnCNN(depth=2, width=4)
    export.saved_model(model, tmp_path)
    assert export.saved_model(model, tmp_path) == tmp_path / "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    # Without earlier frames there is no state.
    assert set(tf.saved_model.load(str(tmp_path / "2")).signatures) == {
        "serving_default",
        "encoded",
    }


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("offkeras.export.assets.warmup.write", fail)
    with pytest.raises(OSError, match="disk full"):
        export.saved_model(models.DnCNN(depth=2, width=4), tmp_path / "new" / "model")
    assert not list(tmp_path.iterdir())


def test_arguments_that_do_not_fit(tmp_path):
    recognizer, restorer = map(tiny_models.model, ("recognizer", "restorer"))
    detector = tiny_models.model("detector")
    for model, options, message in (
        (recognizer, dict(class_names=["run"]), "must have 2 names.*Received: 1"),
        (detector, dict(class_names=["run"]), "must have 2 names.*Received: 1"),
        (restorer, dict(class_names=["run"]), "must have 0 names.*Received: 1"),
        (restorer, dict(num_segments=5), "number of frames is 3. Received: 5"),
        (recognizer, dict(size=(32, 64)), "frame width is 32. Received: 64"),
        (restorer, dict(size=(32,)), r"must be \(height, width\).*Received: \(32,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            export.saved_model(model, tmp_path, **options)
    inputs = keras.Input((4,))
    other = keras.Model(inputs, {"x": keras.layers.Dense(2)(inputs)}, name="other")
    with pytest.raises(ValueError, match="Received: 'other' with outputs .'x'."):
        export.saved_model(other, tmp_path)
    assert not list(tmp_path.iterdir())


def test_wrong_inputs_are_named(exported):
    loaded = tf.saved_model.load(str(exported("recognizer", "saved_model")))
    whole, step = loaded.signatures["serving_default"], loaded.signatures["step"]
    frames = tiny_models.clips("recognizer", 1)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\[1,4,16,32,3\].*\[\?,\?,32,32,3\]"
    ):
        whole(frames=tf.constant(frames[:, :, :16]))
    with pytest.raises((TypeError, tf.errors.InvalidArgumentError), match="uint8"):
        whole(frames=tf.constant(frames.astype("float32")))
    with pytest.raises(TypeError, match="state_off_layer_1"):
        step(frame=tf.constant(frames[:, 0]))


def test_a_huge_jpeg_is_refused_before_it_is_decoded(exported):
    loaded = tf.saved_model.load(str(exported("restorer", "saved_model")))
    frames = tiny_models.clips("restorer", 1)[0]
    images = [tf.io.encode_jpeg(frame).numpy() for frame in frames]
    # The frame header: marker FFC0, length, precision, then height and width:
    # 60,000 each.
    at = images[0].index(b"\xff\xc0") + 5
    images[0] = images[0][:at] + b"\xea\x60\xea\x60" + images[0][at + 4 :]
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 67108864 pixels"):
        loaded.signatures["encoded"](images=tf.constant([images]))


def test_a_narrow_jpeg_is_refused_before_it_is_scaled(exported):
    """One row of 65,000 pixels becomes 37 rows of 2.4 million."""
    loaded = tf.saved_model.load(str(exported("recognizer", "saved_model")))
    narrow = tf.io.encode_jpeg(np.zeros((1, 65_000, 3), np.uint8)).numpy()
    images = tf.constant([[narrow] * tiny_models.NUM_SEGMENTS["recognizer"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 67108864 pixels"):
        loaded.signatures["encoded"](images=images)


@pytest.mark.parametrize(
    ("channels", "modality", "dtype"),
    [
        (15, "rgb_diff", "float32"),
        pytest.param(10, "flow", "uint8", marks=pytest.mark.slow),
    ],
)
def test_other_modalities(channels, modality, dtype, tmp_path):
    """Differences are signed, so no bytes; neither modality is a JPEG file."""
    model = tiny_models.recognizer(channels, modality, variant="released")
    found = signatures(model)
    assert found["serving_default"].input["frames"].dtype == dtype
    assert found["step"].input["frame"].dtype == dtype
    version = export.saved_model(model, tmp_path, num_segments=3)
    loaded = tf.saved_model.load(str(version))
    assert set(loaded.signatures) == {"serving_default", "start", "step"}
    low = -255 if modality == "rgb_diff" else 0
    frames = np.random.default_rng(0).integers(low, 256, (1, 3, 32, 32, channels))
    frames = frames.astype(dtype)
    logits = loaded.signatures["serving_default"](frames=tf.constant(frames))["logits"]
    outputs = model({"frames": frames.astype("float32")})
    expected = np.asarray(outputs["appearance"] + outputs["off_3"])
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())
