"""The commands beside what they cannot do without: decoder, network and encoder.

    python -m benchmarks.end_to_end

A sample video is classified, searched for objects and restored as by the commands,
with their annotated or restored video; the same video is only decoded, only encoded as
the command does it, and the same network only asked, one frame after another. The best
command takes the time of the slowest of these. All are run in turns.
"""

import collections
import functools
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from benchmarks.support import records
from offkeras import data, inference
from offkeras.commands.jobs.batch import LOOKED_AT
from offkeras.data.detection.transforms import resized_size
from offkeras.models import streaming
from offkeras.video import iterate_frames, write_video
from offkeras.video.streams.encoder import Encoder

SAMPLE, FPS = "bikes.mp4", 25
LINE = (
    "{subcommand:9}{size:>9} {fps:>7} frames/s; decoding {decoding_fps}, network "
    "{network_fps}, encoding {encoding_fps}: {ratio} of the slowest"
)


def use_up(items):
    """Takes all there is."""
    collections.deque(items, maxlen=0)


def write_sample(path, size, count):
    """Writes the sample video at another size, H.264."""
    frames = (frame for _, frame in iterate_frames(data.sample_video(SAMPLE)))
    frames = (cv2.resize(f, size) for _, f in zip(range(count), frames, strict=False))
    write_video(path, frames, fps=FPS)


def network(model, size):
    """A function that asks a network for the frame that follows another."""
    start, step = streaming(model)

    @tf.function(autograph=False)
    def graph(inputs):
        return step(inputs, training=False)

    width, height = size
    channels = model.input["frames"].shape[-1]
    noise = np.random.default_rng(0).uniform(0, 255, (1, height, width, channels))
    frame = tf.constant(noise, tf.float32)
    first = start({"frame": frame})
    state = {key: first[key] for key in first if key.startswith("state_")}
    return functools.partial(graph, {"frame": frame, **state})


class Annotated:
    """A command whose video is to be looked at."""

    encoding = LOOKED_AT

    def run(self, path, output):
        """Writes the annotated video."""
        write_video(output, self.pictures(path), fps=FPS, options=self.encoding)


class Classify(Annotated):
    """`offkeras classify --output`."""

    name, model, size = "classify", "moving_camera", (1280, 720)

    def __init__(self, trained):
        self.window = dict(
            num_segments=trained.defaults["segments"],
            interval=trained.defaults["interval"],
        )
        self.recognizer, self.class_names = trained.load(), trained.class_names
        side = self.recognizer.input["frames"].shape[2]
        self.network = network(self.recognizer, (side, side))
        self.every = self.window["interval"]  # of so many frames it sees one

    def pictures(self, path):
        """The frames, with what was last seen in them."""
        stream = inference.classify_frames(path, self.recognizer, **self.window)
        return inference.draw_predictions(stream, self.class_names)


class Detect(Annotated):
    """`offkeras detect --output`."""

    name, model, size = "detect", "moving_objects", (640, 480)
    every = 1

    def __init__(self, trained):
        short, long = trained.defaults["size"]
        self.sides = dict(short_side=short, long_side=long)
        self.detector, self.class_names = trained.load(), trained.class_names
        height, width = resized_size(self.size[::-1], **self.sides)
        self.network = network(self.detector, (width, height))

    def pictures(self, path):
        """The frames with their objects."""
        stream = inference.detect_frames(path, self.detector, **self.sides)
        return inference.draw_detections(stream, self.class_names)


class Restore:
    """`offkeras restore`."""

    name, model, size = "restore", "mpeg4_low", (448, 256)
    every, encoding = 1, Encoder().options()

    def __init__(self, trained):
        self.restorer = trained.load()
        self.network = network(self.restorer, self.size)

    def run(self, path, output):
        """Writes the restored video."""
        inference.restore_file(path, output, self.restorer)


def seconds(call):
    """Time of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(case, folder, o):
    """The row of a command: the best of some rounds of all four."""
    path, output = folder / f"{case.name}.mp4", folder / "out" / f"{case.name}.mp4"
    output.parent.mkdir(exist_ok=True)
    write_sample(path, case.size, o.frames)
    frames = [frame for _, frame in iterate_frames(path)]
    calls = {
        "fps": lambda: case.run(path, output),
        "decoding_fps": lambda: use_up(iterate_frames(path)),
        "network_fps": lambda: use_up(
            case.network() for _ in range(o.frames // case.every)
        ),
        "encoding_fps": lambda: write_video(
            output, iter(frames), fps=FPS, options=case.encoding
        ),
    }
    times = {name: [] for name in calls}
    for _ in range(o.rounds + 1):  # the first is a warm-up
        for name, call in calls.items():
            times[name].append(seconds(call))
    rates = {name: o.frames / min(taken[1:]) for name, taken in times.items()}
    slowest = min(rate for name, rate in rates.items() if name != "fps")
    return {
        "subcommand": case.name,
        "model": case.model,
        "size": "x".join(map(str, case.size)),
        "frames": o.frames,
        **{name: f"{rate:.1f}" for name, rate in rates.items()},
        "ratio": f"{rates['fps'] / slowest:.2f}",
        **records.environment("end_to_end", sys.argv[1:]),
    }


def main(arguments=None):
    """Writes the table and prints it."""
    default = Path(__file__).parent.with_suffix(".csv")
    numbers = (("frames", 100), ("rounds", 3))
    o = records.parser(__doc__, numbers=numbers, default=default).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(kind(inference.trained_model(kind.model)), Path(folder), o)
            for kind in (Classify, Detect, Restore)
        ]
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
