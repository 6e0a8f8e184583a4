"""The `offkeras` command: a thin layer over `offkeras.inference`."""

import argparse
import sys
import time
from pathlib import Path

# Trained models in the output folders of the trainings.
MODEL_NAMES = ("recognizer", "model", "detector")
TARGETS = ("savedmodel", "litert", "tensorrt", "onnx")
# Options of `offkeras export` that not every target has.
SPECIAL = {
    "quantize": ("litert", "tensorrt"),
    "calibrate": ("litert", "tensorrt"),
    "signature": ("tensorrt", "onnx"),
}


def main(argv=None):
    """Runs the command line; bad input ends in one sentence and status 1."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"offkeras: {error}")


def _parser():
    parser = argparse.ArgumentParser(prog="offkeras", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    classify = commands.add_parser(
        "classify",
        help="label the actions in a video",
        epilog="example: offkeras classify walk.mp4 --model runs/demo --output out.mp4",
    )
    classify.add_argument("video", help="video file")
    classify.add_argument(
        "--model", required=True, help="output folder of a training, or .keras file"
    )
    classify.add_argument("--output", help="annotated mp4 to write")
    classify.add_argument(
        "--segments",
        type=int,
        default=7,
        help="frames in a window (default: 7; 25: the whole video)",
    )
    classify.add_argument(
        "--interval",
        type=int,
        help="distance between them in frames (default: a 25th of the video)",
    )
    classify.set_defaults(run=_classify)

    detect = commands.add_parser(
        "detect",
        help="find the objects in every frame of a video",
        epilog="example: offkeras detect street.mp4 --model runs/vid --output out.mp4",
    )
    detect.add_argument("video", help="video file")
    detect.add_argument(
        "--model", required=True, help="output folder of a training, or .keras file"
    )
    detect.add_argument("--output", required=True, help="annotated mp4 to write")
    detect.add_argument(
        "--size",
        type=int,
        nargs=2,
        default=(600, 1000),
        metavar=("SHORT", "LONG"),
        help="sides that frames are scaled to, as in training (default: 600 1000)",
    )
    detect.add_argument(
        "--min-score", type=float, default=0.5, help="least score (default: 0.5)"
    )
    detect.set_defaults(run=_detect)

    restore = commands.add_parser(
        "restore",
        help="remove compression artifacts from a video",
        epilog="example: offkeras restore old.mp4 --model runs/off --output new.mp4",
    )
    restore.add_argument("video", help="video file")
    restore.add_argument(
        "--model", required=True, help="output folder of a training, or .keras file"
    )
    restore.add_argument("--output", required=True, help="mp4, mov or mkv to write")
    restore.add_argument(
        "--tile",
        type=int,
        help="largest side of the part restored at a time, in pixels "
        "(default: what fits into 4 GiB)",
    )
    restore.add_argument(
        "--crf", type=int, default=14, help="quality of x264 (default: 14)"
    )
    restore.add_argument("--no-audio", action="store_true", help="leave the sound out")
    restore.add_argument(
        "--split", action="store_true", help="left half as it was, right half restored"
    )
    restore.set_defaults(run=_restore)

    show = commands.add_parser(
        "show",
        help="draw the OFF of two frames",
        epilog="example: offkeras show walk.mp4 --frame 40 --output motion.png",
    )
    show.add_argument("video", help="video file")
    show.add_argument("--frame", type=int, default=0, help="earlier frame (default: 0)")
    show.add_argument(
        "--interval", type=int, default=1, help="frames to the later one (default: 1)"
    )
    show.add_argument("--model", help="as in classify; default: brightness itself")
    show.add_argument("--level", type=int, default=1, help="OFF level 1-3 (default: 1)")
    show.add_argument("--output", default="motion.png", help="PNG to write")
    show.set_defaults(run=_show)

    export = commands.add_parser(
        "export",
        help="write a trained model for servers, phones and GPUs",
        epilog="example: offkeras export runs/demo --to litert --segments 4 --out demo",
    )
    export.add_argument("model", help="output folder of a training, or .keras file")
    export.add_argument("--to", required=True, choices=TARGETS, help="format")
    export.add_argument("--out", required=True, help="folder to write to")
    export.add_argument(
        "--segments", type=int, help="frames of a clip, where the model leaves it open"
    )
    export.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of a frame in pixels, where the model leaves it open",
    )
    export.add_argument(
        "--quantize",
        choices=("float32", "float16", "dynamic", "int8"),
        help="precision of litert and tensorrt (default: float32)",
    )
    export.add_argument(
        "--calibrate", nargs="+", metavar="VIDEO", help="videos to measure int8 on"
    )
    export.add_argument(
        "--signature",
        choices=("serving_default", "start", "step"),
        help="what onnx and tensorrt hold (default: serving_default)",
    )
    export.set_defaults(run=_export)
    return parser


def _load_model(path, name):
    """The model of a .keras file, or of that name in a training's output folder."""
    import keras

    from offkeras import models  # noqa: F401  registers the layers

    path = Path(path)
    if path.is_dir():
        path = path / f"{name}.keras"
    if not path.is_file():
        raise ValueError(f"--model: expected a trained {name}. Received: {path}.")
    return keras.models.load_model(path), path


def _load(path):
    """The recognizer and its class names from a training's output folder."""
    recognizer, path = _load_model(path, "recognizer")
    labels = path.with_name("labels.txt")
    names = labels.read_text().splitlines() if labels.is_file() else None
    return recognizer, names


def _export(arguments):
    from offkeras import export

    for option, targets in SPECIAL.items():
        if getattr(arguments, option) is not None and arguments.to not in targets:
            raise ValueError(
                f"--{option} is for --to {' and '.join(targets)}. "
                f"Received: --to {arguments.to}."
            )
    folder = Path(arguments.model)
    names = [n for n in MODEL_NAMES if (folder / f"{n}.keras").is_file()]
    model, path = _load_model(folder, names[0] if names else "model")
    options = dict(num_segments=arguments.segments, size=arguments.size)
    labels = path.with_name("labels.txt")
    names = labels.read_text().splitlines() if labels.is_file() else None
    signature = arguments.signature or "serving_default"
    quantize = arguments.quantize or "float32"
    if arguments.calibrate is not None:
        clips = export.calibration_clips(arguments.calibrate, model, **options)
        quantized = dict(quantize=quantize, calibration=clips)
    else:
        quantized = dict(quantize=quantize)

    out = Path(arguments.out)
    if arguments.to == "savedmodel":
        written = export.saved_model(model, out, class_names=names, **options)
    elif arguments.to == "litert":
        written = out / f"{quantize}.tflite"
        export.litert(model, written, class_names=names, **quantized, **options)
    elif arguments.to == "tensorrt":
        written = export.tensorrt(
            model, out, signature=signature, **quantized, **options
        )
    else:
        written = out / f"{signature}.onnx"
        export.onnx(model, written, signature=signature, **options)
    print(written)


def _classify(arguments):
    from offkeras import inference

    recognizer, names = _load(arguments.model)
    names = names or [str(i) for i in range(recognizer.output["off_3"].shape[-1])]
    window = dict(num_segments=arguments.segments, interval=arguments.interval)
    if arguments.output:
        predictions = inference.annotate(
            arguments.video, arguments.output, recognizer, names, **window
        )
    else:
        predictions = inference.classify(arguments.video, recognizer, **window)
    for prediction in predictions:
        print(
            f"{prediction.timestamp:8.2f} s  {prediction.confidence:6.1%}  "
            f"{names[prediction.label]}"
        )


def _detect(arguments):
    from offkeras import inference

    detector, path = _load_model(arguments.model, "detector")
    labels = path.with_name("labels.txt")
    if not labels.is_file():
        raise ValueError(f"--model: expected the names of the classes in {labels}.")
    short_side, long_side = arguments.size
    count = inference.annotate_detections(
        arguments.video,
        arguments.output,
        detector,
        labels.read_text().splitlines(),
        short_side=short_side,
        long_side=long_side,
        min_score=arguments.min_score,
    )
    print(f"{arguments.output}: {count} frames")


def _show(arguments):
    from offkeras import data, inference

    recognizer = _load(arguments.model)[0] if arguments.model else None
    frames = data.read_frames(
        arguments.video, [arguments.frame, arguments.frame + arguments.interval]
    )
    maps = inference.motion_maps(frames, recognizer=recognizer, level=arguments.level)
    inference.draw_motion(frames, maps, arguments.output)
    print(arguments.output)


def _restore(arguments):
    from offkeras import data, inference

    model, _ = _load_model(arguments.model, "model")
    start = time.perf_counter()
    done = None
    if sys.stderr.isatty():
        done = _progress_bar(data.probe(arguments.video).num_frames)
    count = inference.restore_file(
        arguments.video,
        arguments.output,
        model,
        tile=arguments.tile,
        crf=arguments.crf,
        audio=not arguments.no_audio,
        split=arguments.split,
        done=done,
    )
    seconds = time.perf_counter() - start
    print(
        f"{arguments.output}: {count} frames in {seconds:.1f} s, "
        f"{count / seconds:.2f} frames/s"
    )


def _progress_bar(total):
    """A function that draws how much is done, how fast, and the time left."""
    start = time.perf_counter()

    def done(count):
        rate = count / (time.perf_counter() - start)
        minutes, seconds = divmod(round((total - count) / rate), 60)
        filled = 30 * count // total
        print(
            f"\r[{'#' * filled}{'.' * (30 - filled)}] {count}/{total} frames, "
            f"{rate:.2f}/s, {minutes}:{seconds:02d} left   ",
            end="" if count < total else "\n",
            file=sys.stderr,
            flush=True,
        )

    return done
