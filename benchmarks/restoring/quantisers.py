"""At which quantisers the shipped restorers gain.

    nice -n 15 python -m benchmarks.restoring.quantisers

The range of quantisers in the `defaults.json` of a restorer is read from this table.
A held-out scene and moved photographs are compressed at many qualities and restored;
a row has the mean gain in PSNR of all frames of one clip and one rounded quantiser.
"""

import collections
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.restoring.footage import read_footage
from benchmarks.support import records
from offkeras import inference, metrics
from offkeras.inference.restoration.frames import restore_sources
from offkeras.video import remux, write_video

# Codec by FFmpeg's name -> encoder, suffix, and its options by quality.
CODECS = {
    "h264": ("libx264", ".mp4", lambda q: {"crf": str(q)}, range(20, 45, 4)),
    "mpeg4": ("mpeg4", ".mp4", lambda q: {"qmin": str(q), "qmax": str(q)}, None),
    "mpeg2video": ("mpeg2video", ".mpg", None, None),
    "vp9": (
        "libvpx-vp9",
        ".webm",
        lambda q: {"crf": str(q), "b": "0", "cpu-used": "4"},
        range(16, 64, 12),
    ),
}
FIXED = (2, 4, 6, 8, 12, 16, 24, 31)  # of encoders with one quantiser


def measure(name, model, clip, codec):
    """Yields `(quantiser, gain)` of every frame at every quality."""
    encoder, suffix, options, qualities = CODECS[codec]
    options = options or CODECS["mpeg4"][2]
    for quality in qualities or FIXED:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}{suffix}")
            write_video(path, clip, fps=25, codec=encoder, options=options(quality))
            sources = list(remux.read_source(path))
        pairs = restore_sources(sources, model)
        for original, (source, restored) in zip(clip, pairs, strict=True):
            before, after = (
                float(metrics.psnr(original[None], picture[None])[0])
                for picture in (source.rgb, restored)
            )
            yield source.quantiser.value, after - before


def main(arguments):
    """Measures and writes the table."""
    parser = records.parser(__doc__, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--models", nargs="+", default=["mpeg4_low"])
    parser.add_argument("--codecs", nargs="+", default=list(CODECS), choices=CODECS)
    options = parser.parse_args(arguments)
    environment = records.environment("restoring.quantisers", arguments)
    rows = []
    footage = read_footage()
    for name in options.models:
        model = inference.trained_model(name, "model").load()
        for codec, (clip_name, clip) in itertools.product(
            options.codecs, footage.items()
        ):
            gains = collections.defaultdict(list)
            for quantiser, gain in measure(clip_name, model, clip, codec):
                gains[round(quantiser)].append(gain)
            for quantiser, values in sorted(gains.items()):
                row = {"model": name, "codec": codec, "clip": clip_name}
                row |= {"quantiser": quantiser, "frames": len(values)}
                row |= {"gain": f"{np.mean(values):.3f}", "least": f"{min(values):.3f}"}
                rows.append({**row, **environment})
            print(name, codec, clip_name, flush=True)
    records.write(options.out, rows, same=("model", "codec"))


if __name__ == "__main__":
    main(sys.argv[1:])
