"""Draws the sheet of clips that the documentation shows.

python -m benchmarks.rendering.sheet docs/human_actions.png
"""

import argparse

import cv2
import numpy as np

from offkeras import data
from offkeras.storage.writing import written_whole

SIZE, FRAMES, INTERVAL = 96, 4, 0.2
COLUMNS = 2
# Classes, and seeds that show them well.
SEEDS = {
    "walk": 5,
    "run": 4,
    "kick": 7,
    "punch": 4,
    "cartwheel": 8,
    "backflip": 6,
    "get_up_from_back": 3,
    "lie_down_on_front": 4,
    "roll": 1,
    "crawl": 2,
    "spin_kick": 8,
    "dance": 6,
}


def draw_sheet():
    """The sheet, uint8 RGB: rows of frames, two classes a row."""
    clips = data.HumanActions.open()
    times = (np.arange(FRAMES) - (FRAMES - 1) / 2) * INTERVAL
    rows = []
    for name, seed in SEEDS.items():
        label = clips.class_names.index(name)
        clip = clips.draw([seed, label], label, subset="train", times=times, size=SIZE)
        row = np.hstack([*clip.render()])
        place, face = (4, SIZE - 5), cv2.FONT_HERSHEY_SIMPLEX
        text = name.replace("_", " ")
        for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(row, text, place, face, 0.4, colour, width, cv2.LINE_AA)
        rows.append(row)
    columns = [np.vstack(rows[n::COLUMNS]) for n in range(COLUMNS)]
    gap = np.full((len(columns[0]), 6, 3), 255, np.uint8)
    return np.hstack([columns[0], gap, columns[1]])


def main(argv=None):
    """Writes the picture in few colours, so that it is small."""
    from PIL import Image

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", help="PNG file")
    o = parser.parse_args(argv)
    picture = Image.fromarray(draw_sheet()).quantize(128)
    with written_whole(o.out) as partial:
        picture.save(partial, format="PNG", optimize=True)


if __name__ == "__main__":
    main()
