"""Milliseconds of a frame of human actions, on one core, and where they go.

    python -m benchmarks.rendering --out benchmarks/rendering.csv

Random clips of all classes, at random with a second person or an object, of the test
video. Times are those of the process, so that other programs count for little.
"""

import sys
import time

import cv2
import numpy as np

from benchmarks.support import records
from offkeras import data

SIZES = (112, 160, 224)
INTERVAL, FRAMES = 0.15, 6
NUMBERS = (("clips", 60), ("rounds", 5))
LINE = "{size:4} pixels: {ms_frame} ms a frame, of which {ms_setting} to set the scene"


def measure(size, clips, rounds):
    """Milliseconds of a frame: all, and what comes before drawing; least of rounds."""
    source = data.HumanActions.open()
    source.footage("test", size)
    times = (np.arange(FRAMES) - (FRAMES - 1) / 2) * INTERVAL
    setting, whole = [], []
    for number in range(rounds):
        start = time.process_time()
        drawn = [
            source.draw(
                [number, index],
                index % len(source.class_names),
                subset="test",
                times=times,
                size=size,
            )
            for index in range(clips)
        ]
        middle = time.process_time()
        for clip in drawn:
            clip.render()
        scale = 1000 / (clips * FRAMES)
        setting.append((middle - start) * scale)
        whole.append((time.process_time() - start) * scale)
    return round(min(whole), 2), round(min(setting), 2)


def main(argv=None):
    """Writes the table."""
    o = records.parser(__doc__, numbers=NUMBERS).parse_args(argv)
    cv2.setNumThreads(1)
    rows = []
    for size in SIZES:
        ms_frame, ms_setting = measure(size, o.clips, o.rounds)
        rows.append(
            {
                "size": size,
                "ms_frame": ms_frame,
                "ms_setting": ms_setting,
                "clips": o.clips * o.rounds,
                **records.environment("rendering", argv or sys.argv[1:]),
            }
        )
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main()
