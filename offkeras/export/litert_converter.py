"""SavedModel to LiteRT, run by `litert.py` as a script with TensorFlow alone.

    python -P litert_converter.py FOLDER FILE OPTIONS

FOLDER holds `saved_model` and, for int8, `calibration.npy`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

# A clip is one sample of the whole model; of its frames a stream takes this many.
CALIBRATION_STEPS = 4
# Largest difference from the SavedModel, relative to the largest value. The frames
# are noise, on which a trained model rounded to float16 is some 5e-3 off.
TOLERANCE = {"float32": 1e-4, "float16": 5e-2}


def convert(folder, quantize, names):
    """The model's LiteRT file as bytes."""
    saved_model = str(Path(folder, "saved_model"))
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=names
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        # The second for what has no int8 form, such as the arithmetic of boxes.
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
        clips = np.load(Path(folder, "calibration.npy"), allow_pickle=False)
        answer = tf.saved_model.load(saved_model).signatures
        converter.representative_dataset = lambda: samples(answer, names, clips)
    return converter.convert()


def samples(answer, names, clips):
    """Inputs of every signature: clips, and their frames with the state so far."""
    for clip in clips:
        yield "serving_default", {"frames": clip[None]}
        if "step" not in names:
            continue
        frames = clip[: CALIBRATION_STEPS + 1, None]  # (T, H, W, C) -> (T, 1, H, W, C)
        yield "start", {"frame": frames[0]}
        state = answer["start"](frame=tf.constant(frames[0]))
        for frame in frames[1:]:
            inputs = {
                name: value.numpy()
                for name, value in state.items()
                if name.startswith("state_")
            }
            yield "step", {"frame": frame, **inputs}
            state = answer["step"](frame=tf.constant(frame), **inputs)


def check(content, folder, quantize, names):
    """Runs the file as a user does; the float ones must equal the SavedModel."""
    from ai_edge_litert.interpreter import Interpreter

    answer = tf.saved_model.load(str(Path(folder, "saved_model"))).signatures
    interpreter = Interpreter(model_content=content)
    shape = answer["serving_default"].structured_input_signature[1]["frames"]
    clip = np.random.default_rng(0).integers(0, 256, shape.shape)
    clip = clip.astype(shape.dtype.as_numpy_dtype)
    for name, inputs in samples(answer, names, clip):
        expected = answer[name](**{key: tf.constant(v) for key, v in inputs.items()})
        actual = interpreter.get_signature_runner(name)(**inputs)
        if set(actual) != set(expected):
            raise ValueError(
                f"signature {name} answers with {sorted(actual)}, expected "
                f"{sorted(expected)}"
            )
        for key, value in expected.items():
            compare(name, key, actual[key], value.numpy(), quantize)


def compare(name, key, actual, expected, quantize):
    """Raises if an output of the file is not the SavedModel's."""
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        raise ValueError(
            f"{key} of {name} must be finite and of shape {expected.shape}; it is of "
            f"shape {actual.shape}"
        )
    # Of nearly equal scores either box may win; rounded weights let others win.
    loose = ("boxes", "classes", "count")
    loose += ("scores",) if quantize == "float16" else ()
    if quantize not in TOLERANCE or key in loose:
        return
    allowed = TOLERANCE[quantize] * np.abs(expected).max(initial=0)
    allowed += expected.dtype == np.uint8  # the rounding may go either way
    error = np.abs(actual.astype(float) - expected).max(initial=0)
    if error > allowed:
        raise ValueError(
            f"{key} of {name} differs from the SavedModel by {error:.1e}, expected at "
            f"most {allowed:.1e}"
        )


def main(folder, path, options):
    """Converts, checks and writes."""
    options = json.loads(options)
    quantize, names = options["quantize"], options["signatures"]
    content = convert(folder, quantize, names)
    check(content, folder, quantize, names)
    Path(path).write_bytes(content)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
