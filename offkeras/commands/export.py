"""`offkeras export`."""

import json
from pathlib import Path

from offkeras.export.formats import FORMATS, SHAPE

# Options of the command and the arguments that they become.
OPTIONS = {
    "segments": "num_segments",
    "size": "size",
    "quantize": "quantize",
    "calibrate": "calibration",
    "signature": "signature",
}


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "export",
        help="write a trained model for servers, phones and GPUs, or half as large",
        description="Writes a trained model as a SavedModel for TF Serving, for "
        "LiteRT, TensorRT, ONNX or OpenVINO, or as a Keras model of half the size.",
        epilog="example: offkeras export runs/demo --to litert --segments 4 --out demo",
    )
    parser.add_argument(
        "model",
        help="name of a trained model, output folder of a training, or .keras file",
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=tuple(FORMATS),
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
        help="what onnx, openvino and tensorrt hold (default: serving_default)",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Writes the model in the format that the options name."""
    from offkeras import export, inference

    chosen = FORMATS[arguments.to]
    for option, argument in OPTIONS.items():
        if getattr(arguments, option) is not None and argument not in chosen.options:
            others = [name for name, f in FORMATS.items() if argument in f.options]
            raise ValueError(
                f"--{option} is for --to {', '.join(others[:-1])} and {others[-1]}. "
                f"Received: --to {arguments.to}."
            )
    chosen.check_installed()
    out = Path(arguments.out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"Expected --out to be a folder. Received: {out}, a file.")
    trained = inference.trained_model(arguments.model)
    model, names = trained.load(), trained.class_names
    options = {
        argument: value
        for option, argument in OPTIONS.items()
        if (value := getattr(arguments, option)) is not None
    }
    path = chosen.path(
        out,
        kind=trained.kind,
        **{key: options[key] for key in ("quantize", "signature") if key in options},
    )
    if arguments.calibrate is not None:
        shape = {key: options[key] for key in SHAPE if key in options}
        options["calibration"] = export.calibration_clips(
            arguments.calibrate, model, **shape
        )
    if "class_names" in chosen.options:
        options["class_names"] = names
    written = chosen.write(model, path, **options)
    if arguments.to == "keras":
        _describe(trained, path)
    print(written)


def _describe(trained, path):
    """What `trained_model` finds beside a Keras model."""
    from offkeras.storage.writing import write_text

    if trained.class_names:
        labels = "".join(f"{name}\n" for name in trained.class_names)
        write_text(path.with_name("labels.txt"), labels)
    if trained.defaults:
        text = json.dumps(trained.defaults) + "\n"
        write_text(path.with_name("defaults.json"), text)
