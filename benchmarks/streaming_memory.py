"""Memory of the three streams over an hour of video.

    python -m benchmarks.streaming_memory --out benchmarks/streaming_memory.csv

A sample video is looped into a file of 90,000 small frames, an hour at 25 a second.
It passes through `classify`, `detect` and `restore` with the smallest of models, each
in a process of its own, and the memory after the first minute of video is compared
with that at the end. A stream that is in the CSV is not measured again.
"""

import itertools
import math
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from benchmarks.support import memory, records
from offkeras import backbones, data, inference, models
from offkeras.data.resize import shorter_side
from offkeras.inference.classification import classify_frames

FPS, MINUTE, HOUR = 25, 1500, 90_000  # frames
HEIGHT, WIDTH = 48, 64


def write_loop(path, count):
    """Writes a video of `count` frames: the sample, forth and again."""
    sample = data.read_frames(
        data.sample_video("bikes.mp4"),
        range(0, 240, 4),
        transform=lambda frame: shorter_side(frame, HEIGHT)[0].numpy(),
    )
    sample = np.ascontiguousarray(sample[:, :HEIGHT, :WIDTH])
    frames = itertools.islice(itertools.cycle(sample), count)
    data.write_video(path, frames, fps=FPS, codec="mpeg4")


def classify(path):
    """Yields once a frame, in windows of four."""
    image = keras.Input((32, 32, 3), name="image")
    x, features = image, {}
    for level in (1, 2, 3):
        layer = keras.layers.Conv2D(4, 3, 2, padding="same", name=f"conv_{level}")
        x = features[layer.name] = layer(x)
    recognizer = models.OFFActionRecognizer(
        3,
        num_segments=None,
        backbone=keras.Model(image, features, name="backbone"),
        levels=[(name,) for name in features],
        filters=4,
    )
    return classify_frames(path, recognizer, num_segments=4, interval=2)


def detect(path):
    """Yields once a frame, pairs of frames."""
    detector = models.OFFVideoDetector(
        3,
        backbone=backbones.TinyResNet(filters=(4, 4, 8)),
        filters=4,
        channels=8,
        dilation=1,
        anchor_scales=(2, 4),
        num_candidates=50,
        num_proposals=10,
        max_detections=5,
    )
    return inference.detect(path, detector, short_side=HEIGHT, long_side=WIDTH)


def restore(path):
    """Yields once a frame, from three frames."""
    model = models.OFFArtifactRemover(
        3, width=4, filters=4, head_convs=1, refine_convs=1, tail_convs=1
    )
    return inference.restore(path, model)


STREAMS = {"classify": classify, "detect": detect, "restore": restore}


def measure(stream, path, *, minute=MINUTE):
    """Runs a stream to its end.

    Args:
        stream: key of `STREAMS`.
        path: the video.
        minute: frames after which memory is looked at first.

    Returns:
        A row of the CSV.
    """
    expected = data.probe(path).num_frames
    start, early, count = time.perf_counter(), math.nan, 0
    for count, _ in enumerate(STREAMS[stream](path), start=1):  # noqa: B007
        if count == minute:
            early = memory.resident()
    end = memory.resident()
    return {
        "stream": stream,
        "frames_in": expected,
        "frames_out": count,
        "rss_first_minute_mib": f"{early / memory.MIB:.1f}",
        "rss_end_mib": f"{end / memory.MIB:.1f}",
        "growth_percent": f"{100 * (end / early - 1):.2f}",
        "frames_per_second": f"{count / (time.perf_counter() - start):.0f}",
        **records.environment(),
    }


def main(arguments=None):
    """Command line."""
    parser = records.parser(__doc__, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--frames", type=int, default=HOUR, help="of the video")
    parser.add_argument("--stream", choices=STREAMS, help="one of them alone")
    parser.add_argument("--video", help="looped video, written before where it is not")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(options.video or Path(folder, "loop.mp4"))
        if not video.exists():
            write_loop(video, options.frames)
        done = {row["stream"] for row in records.read(options.out)}
        left = [stream for stream in STREAMS if stream not in done]
        for stream in [options.stream] if options.stream else left:
            row = memory.alone(measure, stream, video)
            print(row)
            records.write(options.out, [row])


if __name__ == "__main__":
    main()
