"""`offkeras export`."""

import json
from pathlib import Path

TARGETS = ("savedmodel", "litert", "tensorrt", "onnx", "keras")
SHAPED = tuple(target for target in TARGETS if target != "keras")
# Options that not every target has.
SPECIAL = {
    "segments": SHAPED,
    "size": SHAPED,
    "quantize": ("litert", "tensorrt"),
    "calibrate": ("litert", "tensorrt"),
    "signature": ("tensorrt", "onnx"),
}


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "export",
        help="write a trained model for servers, phones and GPUs, or half as large",
        description="Writes a trained model as a SavedModel for TF Serving, for "
        "LiteRT, TensorRT or ONNX, or as a Keras model of half the size.",
        epilog="example: offkeras export runs/demo --to litert --segments 4 --out demo",
    )
    parser.add_argument(
        "model",
        help="name of a trained model, output folder of a training, or .keras file",
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=TARGETS,
        help="format; keras is a folder for --model with weights rounded to bfloat16",
    )
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument(
        "--segments", type=int, help="frames of a clip, where the model leaves it open"
    )
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of a frame in pixels, where the model leaves it open",
    )
    parser.add_argument(
        "--quantize",
        choices=("float32", "float16", "dynamic", "int8"),
        help="precision of litert and tensorrt (default: float32)",
    )
    parser.add_argument(
        "--calibrate", nargs="+", metavar="VIDEO", help="videos to measure int8 on"
    )
    parser.add_argument(
        "--signature",
        choices=("serving_default", "start", "step"),
        help="what onnx and tensorrt hold (default: serving_default)",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Writes the model in the format that the options name."""
    from offkeras import export, inference

    for option, targets in SPECIAL.items():
        if getattr(arguments, option) is not None and arguments.to not in targets:
            raise ValueError(
                f"--{option} is for --to {', '.join(targets[:-1])} and {targets[-1]}. "
                f"Received: --to {arguments.to}."
            )
    out = Path(arguments.out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"Expected --out to be a folder. Received: {out}, a file.")
    found = inference.trained_model(arguments.model)
    model, names = found.load(), found.class_names
    options = dict(num_segments=arguments.segments, size=arguments.size)
    signature = arguments.signature or "serving_default"
    quantize = arguments.quantize or "float32"
    if arguments.calibrate is not None:
        clips = export.calibration_clips(arguments.calibrate, model, **options)
        quantized = dict(quantize=quantize, calibration=clips)
    else:
        quantized = dict(quantize=quantize)

    if arguments.to == "savedmodel":
        written = export.saved_model(model, out, class_names=names, **options)
    elif arguments.to == "litert":
        written = out / f"{quantize}.tflite"
        export.litert(model, written, class_names=names, **quantized, **options)
    elif arguments.to == "tensorrt":
        written = export.tensorrt(
            model, out, signature=signature, **quantized, **options
        )
    elif arguments.to == "onnx":
        written = out / f"{signature}.onnx"
        export.onnx(model, written, signature=signature, **options)
    else:
        written = _compact(found, model, out)
    print(written)


def _compact(found, model, out):
    """A folder as `trained_model` finds it."""
    from offkeras import export

    path = export.compact(model, out / f"{found.kind}.keras")
    if found.class_names:
        labels = "".join(f"{name}\n" for name in found.class_names)
        path.with_name("labels.txt").write_text(labels, "utf-8")
    if found.defaults:
        text = json.dumps(found.defaults) + "\n"
        path.with_name("defaults.json").write_text(text, "utf-8")
    return path
