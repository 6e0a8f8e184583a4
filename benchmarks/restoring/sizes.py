"""What the crf of a restored file costs: how it grows, and what it loses.

    nice -n 15 python -m benchmarks.restoring.sizes

A held-out scene is compressed, and its decoded pictures are encoded again as `restore`
encodes: the size by that of the compressed file, and PSNR to the scene, less that of
the compressed file.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.support import records
from offkeras import data, metrics
from offkeras.data.restoration import compressed_clips
from offkeras.video import remux, write_video
from offkeras.video.streams.encoder import Encoder

FRAMES = 24
SOURCES = {
    "mpeg4 q 16": ("mpeg4", {"qmin": "16", "qmax": "16", "g": "250"}),
    "x264 crf 28": ("libx264", {"crf": "28"}),
    "x264 crf 34": ("libx264", {"crf": "34"}),
}
ENCODERS = {"libx264": (14, 16, 18, 20, 22), "libx265": (16, 18, 20, 22, 24)}


def mean_psnr(original, path):
    """Mean PSNR of the frames of a file."""
    frames = np.stack([source.rgb for source in remux.read_source(path)])
    return float(np.mean(metrics.psnr(original, frames)))


def encode_again(source, path, encoder):
    """Writes the pictures of a file as `restore` would, without a restorer."""
    how = dict(container="mp4", encoder=encoder, audio=False)
    with open(path, "wb") as file, remux.remux(source, file, **how) as opened:
        sources, write = opened
        for frame in sources:
            write(frame.rgb, frame)


def main(arguments):
    """Measures and writes the table."""
    parser = records.parser(__doc__, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args(arguments)
    environment = records.environment("restoring.sizes", arguments)
    _, ((name, first, _),) = compressed_clips.SPLITS["validation"]
    scene = data.read_frames(data.sample_video(name), range(first, first + FRAMES))
    rows = []
    for label, (codec, settings) in SOURCES.items():
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder, "source.mp4"), Path(folder, "output.mp4")
            write_video(source, scene, fps=25, codec=codec, options=settings)
            before = mean_psnr(scene, source)
            for encoder, crfs in ENCODERS.items():
                for crf in crfs:
                    encode_again(source, output, Encoder(encoder, crf))
                    growth = os.path.getsize(output) / os.path.getsize(source)
                    change = mean_psnr(scene, output) - before
                    row = {"source": label, "psnr": f"{before:.2f}"}
                    row |= {"codec": encoder, "crf": crf, "size": f"{growth:.2f}"}
                    row |= {"psnr_change": f"{change:.3f}"}
                    print(row, flush=True)
                    rows.append({**row, **environment})
    records.write(options.out, rows, same=("source", "codec", "crf"))


if __name__ == "__main__":
    main(sys.argv[1:])
