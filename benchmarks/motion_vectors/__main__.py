"""Motion vectors of the codec next to DIS flow: their speed, and how alike they are.

    python -m benchmarks.motion_vectors --out benchmarks/motion_vectors.csv

A real video in several codings, on one core: decoding alone, decoding and motion
vectors, decoding and flow, each as images of 340x256. The agreement is that of vectors
and flow in pixels of the video, clipped as images clip them, in the middle of blocks of
8x8 that move by half a pixel or more.
"""

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.support import records
from offkeras import data
from offkeras.data.actions.video_examples import ExampleOptions
from offkeras.video import optical_flow
from offkeras.video.reading import iterate_decoded
from offkeras.video.vectors.fields import FieldStream
from offkeras.video.vectors.reading import EXPORT, iterate_fields

SAMPLE = "bikes.mp4"
SIZE = ExampleOptions().width, ExampleOptions().height
BLOCK, LEAST = 8, 0.5  # pixels
# Codec and size by name; the first is the sample itself.
CODINGS = {
    "as it is": None,
    "UCF-101's size": ("mpeg4", (320, 240)),
    "H.264": ("libx264", (320, 240)),
    "HD": ("libx264", (1280, 720)),
}
LINE = (
    "{coding:16}{codec:10}{width}x{height}  decoding {decoding_ms}, with vectors "
    "{vectors_ms}, with flow {flow_ms} ms a frame: {ratio} times; vectors alone "
    "{ratio_without_decoding} times; correlation {correlation}, error "
    "{error_pixels} of {flow_pixels} pixels"
)


def write_coding(folder, name, count):
    """The sample in a coding; itself where there is none."""
    sample = data.sample_video(SAMPLE)
    if CODINGS[name] is None:
        return sample
    codec, size = CODINGS[name]
    frames = (cv2.resize(frame, size) for _, frame in data.iterate_frames(sample))
    path = Path(folder, f"{codec}_{size[1]}.mp4")
    data.write_video(path, first(frames, count), fps=25, codec=codec)
    return str(path)


def first(items, count):
    """Yields the first of some items."""
    for number, item in enumerate(items):
        if number == count:
            return
        yield item


def decode(path, count):
    """Decodes, and no more."""
    for _ in first(iterate_decoded(path), count):
        pass


def vectors(path, count):
    """Decodes, and makes images of motion vectors."""
    stream = FieldStream(path, data.probe(path).codec, "previous")
    decoded = first(iterate_decoded(path, options=EXPORT), count)
    for position, (_, frame) in enumerate(decoded):
        for _, field in stream.add(position, frame):
            cv2.resize(field.image(), SIZE)


def flow(path, count):
    """Decodes, and makes images of DIS flow."""
    between, previous = optical_flow.estimator("dis"), None
    for _, frame in first(data.iterate_frames(path), count):
        grey = cv2.cvtColor(cv2.resize(frame, SIZE), cv2.COLOR_RGB2GRAY)
        if previous is not None:
            optical_flow.quantize(between(previous, grey))
        previous = grey


def agreement(path, count):
    """Of vectors and flow where there is motion.

    Returns:
        Correlation, end-point error, and how long the flow is.
    """
    between, previous = optical_flow.estimator("dis"), None
    pairs = []
    for _, frame, field in first(iterate_fields(path), count):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if previous is not None:
            both = np.stack([field.dense(), between(previous, grey)])
            both = both[:, BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]
            pairs.append(np.clip(both, -optical_flow.BOUND, optical_flow.BOUND))
        previous = grey
    # (N, 2, h, w, 2) -> (2, blocks, 2)
    both = np.stack(pairs, axis=1).reshape(2, -1, 2)
    both = both[:, np.linalg.norm(both[1], axis=-1) >= LEAST]
    error, length = np.linalg.norm([both[0] - both[1], both[1]], axis=-1).mean(axis=-1)
    return np.corrcoef(both.reshape(2, -1))[0, 1], error, length


def seconds(function, path, count, rounds):
    """Median time of a frame."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function(path, count)
        times.append((time.perf_counter() - start) / count)
    return np.median(times)


def measure(name, path, o):
    """A row of the table."""
    info = data.probe(path)
    count = min(o.frames, info.num_frames)
    times = [1000 * seconds(f, path, count, o.rounds) for f in (decode, vectors, flow)]
    decoding, with_vectors, with_flow = times
    correlation, error, length = agreement(path, count)
    return {
        "coding": name,
        "codec": info.codec,
        "height": info.height,
        "width": info.width,
        "frames": count,
        "decoding_ms": f"{decoding:.2f}",
        "vectors_ms": f"{with_vectors:.2f}",
        "flow_ms": f"{with_flow:.2f}",
        "ratio": f"{with_flow / with_vectors:.1f}",
        "ratio_without_decoding": (
            f"{(with_flow - decoding) / (with_vectors - decoding):.1f}"
        ),
        "correlation": f"{correlation:.2f}",
        "error_pixels": f"{error:.2f}",
        "flow_pixels": f"{length:.2f}",
    }


def main(arguments):
    """Writes the codings, measures and writes the table."""
    numbers = (("frames", 120), ("rounds", 3))
    o = records.parser(__doc__, numbers=numbers).parse_args(arguments)
    cv2.setNumThreads(1)
    environment = records.environment("motion_vectors", arguments)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: write_coding(folder, name, o.frames) for name in CODINGS}
        rows = [
            {**measure(name, path, o), **environment} for name, path in paths.items()
        ]
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
