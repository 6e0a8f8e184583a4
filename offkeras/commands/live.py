"""`offkeras live`."""

import collections
import contextlib
import sys
import time

from offkeras.commands import classify
from offkeras.commands.jobs.batch import add_model

FPS = 25  # at which an `interval` of frames is meant


def add_parser(commands):
    """Adds the command."""
    parser = commands.add_parser(
        "live",
        help="classify or detect what a camera or a network address shows now",
        description="Watches a camera or a stream of a network. It never falls behind: "
        "pictures that come too fast are dropped and counted. A connection that breaks "
        "is made anew. Ctrl-C ends it.",
        epilog="example: offkeras live rtsp://192.168.0.20/stream --json -",
    )
    parser.add_argument(
        "source", help="number of a camera, or an address: rtsp://, http:// and others"
    )
    add_model(parser, default="moving_camera")
    parser.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="from one picture to the next, at least (default: of a recognizer as in "
        "its training, of a detector 0)",
    )
    parser.add_argument(
        "--seconds", type=float, help="how long to look (default: until Ctrl-C)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="without a picture, before the connection counts as broken (default: 5)",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="add JSON lines to a file, or write them to -"
    )
    parser.add_argument("--window", action="store_true", help="show it in a window")
    parser.set_defaults(run=run)


def run(arguments):
    """Watches until somebody stops it."""
    from offkeras import inference
    from offkeras.video.live.connection import checked_source
    from offkeras.video.live.stream import LiveStream

    source = checked_source(arguments.source)
    trained = inference.trained_model(arguments.model)
    if trained.kind == "model":
        raise ValueError(
            "Expected --model to be a recognizer or a detector. "
            f"Received: {arguments.model}, a restorer."
        )
    names = trained.class_names
    if names is None:
        labels = trained.path.with_name("labels.txt")
        raise ValueError(f"--model: expected the names of the classes in {labels}.")
    watch, draw, make_row, every = _way(trained)
    stream = LiveStream(
        source,
        every=every if arguments.every is None else arguments.every,
        seconds=arguments.seconds,
        patience=arguments.patience,
        told=lambda text: print(text, file=sys.stderr, flush=True),
    )
    with contextlib.ExitStack() as stack:
        write = _writer(arguments.json, stack)

        def reported():
            for picture, found in watch(stream):
                if found is not None:
                    row = make_row(stream, found, names)
                    lag = time.monotonic() - picture.arrived
                    write({**row, "dropped": picture.dropped, "lag": round(lag, 4)})
                yield picture.image, found

        window = None
        if arguments.window:
            window = inference.Window(f"offkeras: {stream}")
            stack.callback(window.close)
        stack.callback(_tell_end, stream)
        stack.enter_context(stream)
        with contextlib.suppress(KeyboardInterrupt):  # the usual end
            if window is None:
                collections.deque(reported(), maxlen=0)
                return
            for picture in draw(reported(), names):
                window.show(picture)
                if not window.is_open:
                    return


def _way(trained):
    """How a model watches, is drawn and is told of, and seconds between pictures."""
    from offkeras import inference

    model = trained.load()
    if trained.kind == "recognizer":
        window = {**classify.WINDOW, **trained.defaults}

        def watch(stream):
            return inference.classify_live(
                stream, model, num_segments=window["segments"]
            )

        every = (window["interval"] or 1) / FPS
        return watch, inference.draw_predictions, inference.action_row, every

    def watch(stream):
        return inference.detect_live(stream, model, **trained.detection_options())

    return watch, inference.draw_detections, inference.frame_row, 0.0


def _writer(path, stack):
    """A function that takes rows as they come: JSON lines, or a line of text each."""
    from offkeras import inference

    if path is None:
        return _print
    if path == "-":
        return inference.json_writer(sys.stdout)
    return inference.json_writer(stack.enter_context(open(path, "a", encoding="utf-8")))


def _print(row):
    if "label" in row:
        told = f"{row['confidence']:6.1%}  {row['label']}"
    else:
        told = ", ".join(
            f"{thing['label']} {thing['track']} {thing['score']:.0%}"
            for thing in row["objects"]
        )
    print(f"{row['time']:8.2f} s  {told}", flush=True)


def _tell_end(stream):
    print(
        f"{stream}: {stream.taken} pictures seen, {stream.dropped} dropped, "
        f"{stream.breaks} breaks of the connection.",
        file=sys.stderr,
    )
