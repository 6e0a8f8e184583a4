"""The `offkeras` command: a thin layer over `offkeras.inference`."""

import argparse
import sys
from pathlib import Path


def main(argv=None):
    """Runs the command line; bad input ends in one sentence and status 1."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError) as error:
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
    return parser


def _load(path):
    """The recognizer and its class names from a training's output folder."""
    import keras

    from offkeras import models  # noqa: F401  registers the layers

    path = Path(path)
    if path.is_dir():
        path = path / "recognizer.keras"
    if not path.is_file():
        raise ValueError(f"--model: expected a trained recognizer. Received: {path}.")
    labels = path.with_name("labels.txt")
    names = labels.read_text().splitlines() if labels.is_file() else None
    return keras.models.load_model(path), names


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


def _show(arguments):
    from offkeras import data, inference

    recognizer = _load(arguments.model)[0] if arguments.model else None
    frames = data.read_frames(
        arguments.video, [arguments.frame, arguments.frame + arguments.interval]
    )
    maps = inference.motion_maps(frames, recognizer=recognizer, level=arguments.level)
    inference.draw_motion(frames, maps, arguments.output)
    print(arguments.output)
