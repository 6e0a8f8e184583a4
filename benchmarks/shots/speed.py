"""Frames per second of `classify --shots` at 720p, and where the time goes.

    python -m benchmarks.shots.speed --out benchmarks/shots/speed.csv

A sample video, scaled up, is decoded; decoded and scaled; searched for cuts as well;
and its shots are labelled. Beside the time on the clock stands the processor time of
all threads, which other programs hardly change: a frame that takes 10 ms of it comes
200 times a second from two cores that have nothing else to do.
"""

import collections
import functools
import sys
import tempfile
import time
from pathlib import Path

import cv2

from benchmarks.support import records
from offkeras import data, inference
from offkeras.video import write_video
from offkeras.video.reading import iterate_decoded
from offkeras.video.small.cuts import mark_cuts
from offkeras.video.small.scaled import THREADS, iterate_scaled

SAMPLE, SIZE = "bikes.mp4", (1280, 720)
SIDE = 128  # of what moving_camera, of 112x112, is shown
LINE = "{step:30}{fps} frames/s, {cpu_ms} ms of processor time a frame"


def use_up(items):
    """Takes all there is."""
    collections.deque(items, maxlen=0)


def steps(path, recognizer, window):
    """What is timed, by name: each does what the one before does, and more."""
    scaled = functools.partial(iterate_scaled, path, SIDE)
    return {
        "decoding": lambda: use_up(iterate_decoded(path, options=THREADS)),
        "and scaling": lambda: use_up(scaled()),
        "and cuts": lambda: use_up(mark_cuts(scaled(), lambda item: item[1])),
        "and labels: shots": lambda: use_up(
            inference.shots(path, recognizer, **window)
        ),
        "classify, without shots": lambda: use_up(
            inference.classify(path, recognizer, **window)
        ),
    }


def main(arguments=None):
    """Writes the table and prints it."""
    numbers = (("frames", 250), ("rounds", 3))
    o = records.parser(__doc__, numbers=numbers).parse_args(arguments)
    trained = inference.trained_model("moving_camera", "recognizer")
    window = dict(num_segments=trained.defaults["segments"])
    window["interval"] = trained.defaults["interval"]
    frames = (frame for _, frame in data.iterate_frames(data.sample_video(SAMPLE)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "720p.mp4")
        large = (
            cv2.resize(frame, SIZE)
            for _, frame in zip(range(o.frames), frames, strict=False)
        )
        write_video(path, large, fps=25)
        for step, run in steps(path, trained.load(), window).items():
            times = []
            for _ in range(o.rounds + 1):  # the first is a warm-up
                start = time.perf_counter(), time.process_time()
                run()
                end = time.perf_counter(), time.process_time()
                times.append([b - a for a, b in zip(start, end, strict=True)])
            wall, cpu = (min(both) for both in zip(*times[1:], strict=True))
            rows.append(
                {
                    "step": step,
                    "frames": o.frames,
                    "fps": f"{o.frames / wall:.0f}",
                    "wall_ms": f"{1000 * wall / o.frames:.2f}",
                    "cpu_ms": f"{1000 * cpu / o.frames:.2f}",
                    **records.environment(),
                }
            )
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
