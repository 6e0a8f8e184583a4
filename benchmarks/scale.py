"""How preparation and the input pipeline of action recognition grow.

    python -m benchmarks.scale --out benchmarks/scale.csv

Measures, each in a process of its own:

- preparing 10, 100 and 1000 short videos: seconds and peak memory;
- clips per second and peak memory of the training pipeline over as many;
- clips per second from 1, 10 and 100 shards on one core and on two.

docs/large_data.md takes these figures to larger datasets. The videos are an embedded
one, cut short; every file is decoded and every clip read, although they are alike.
Cores that others use too give figures that are too low: the column `load` tells.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from benchmarks.support import memory, records, timing
from offkeras import data
from offkeras.data.sample_videos import sample_video
from offkeras.training.prepare import videos as prepare_videos

# === Options ===
VIDEOS = (10, 100, 1000)
SHARDS = (1, 10, 100)
WORKERS = (1, 2)
FRAMES = 12
CLIPS = 320  # read for one figure
BATCH = 8
QUICK = dict(VIDEOS=(4, 8), SHARDS=(1, 4), CLIPS=16)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__, help="CSV to add rows to")
    parser.add_argument(
        "--quick", action="store_true", help="few videos: whether it runs at all"
    )
    return parser.parse_args(arguments)


def main(arguments):
    """Runs all measurements and adds a row for each."""
    o = parse(arguments)
    size = dict(VIDEOS=VIDEOS, SHARDS=SHARDS, CLIPS=CLIPS) | (QUICK if o.quick else {})
    common = records.environment("scale", arguments)
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(Path(folder), **size):
            records.write(o.out, [{**row, **common}])
            print(row, flush=True)


def measure(folder, *, VIDEOS, SHARDS, CLIPS):
    """Yields a row for each measurement, in folders below `folder`."""
    for videos in VIDEOS:
        write_videos(folder / f"{videos}", videos)
        out = folder / f"{videos}_shards"
        yield alone(prepare, folder / f"{videos}", out, videos, 32)
        yield alone(read, out, videos, CLIPS, 1)
    videos = max(SHARDS)
    write_videos(folder / "many", videos)
    for shards in SHARDS:
        out = folder / f"many_{shards}"
        alone(prepare, folder / "many", out, videos, videos // shards)
        for workers in WORKERS:
            if workers > len(os.sched_getaffinity(0)):
                print(f"{workers} workers need as many cores: left out.")
                continue
            yield {**alone(read, out, videos, CLIPS, workers), "measurement": "shards"}


def write_videos(folder, count):
    """Writes `count` files of a short video: one, and links to it."""
    frames = (frame for _, frame in data.iterate_frames(sample_video("bikes.mp4")))
    first = folder / "a" / "0.avi"
    first.parent.mkdir(parents=True)
    short = (frame for frame, _ in zip(frames, range(FRAMES), strict=False))
    data.write_video(first, short, fps=25, codec="mpeg4")
    for number in range(1, count):
        os.link(first, folder / "a" / f"{number}.avi")


def alone(function, *arguments):
    """The row of a function, called in a process of its own."""
    load = os.getloadavg()[0]
    row = memory.alone(function, *(str(argument) for argument in arguments))
    return {**row, "load": f"{load:.1f}", "frames": FRAMES}


def prepare(folder, out, videos, videos_per_shard):
    """Prepares videos by one worker, without flow."""
    start = time.perf_counter()
    prepare_videos.main(
        ["--videos", folder, "--out", out, "--workers", "1"]
        + ["--videos-per-shard", videos_per_shard]
    )
    seconds = time.perf_counter() - start
    stored = sum(path.stat().st_size for path in Path(out).glob("*.tfrecord"))
    return {
        **{"measurement": "prepare", "videos": videos, "workers": 1, "unit": "frames"},
        "shards": len(list(Path(out).glob("*.tfrecord"))),
        "seconds": f"{seconds:.2f}",
        "rate": f"{int(videos) * FRAMES / seconds:.1f}",
        "peak_memory_mib": f"{memory.peak() / memory.MIB:.0f}",
        "stored_mib": f"{stored / 2**20:.2f}",
    }


def read(shards, videos, clips, workers):
    """Reads clips of 7 segments of 224x224, shuffled and augmented, on some cores."""
    cores = sorted(os.sched_getaffinity(0))[-int(workers) :]
    os.sched_setaffinity(0, cores)
    source = data.PreparedVideos.open(shards)
    batch = min(BATCH, len(source))
    steps = -(-int(clips) // batch)
    epochs = 1 - (-(steps + 2) // source.steps_per_epoch(batch))
    options = tf.data.Options()
    options.threading.private_threadpool_size = len(cores)
    dataset = source.train(data.Stream(epochs=epochs), batch_size=batch)
    seconds = timing.seconds_of_batches(dataset.with_options(options), steps)
    return {
        **{"measurement": "read", "videos": videos, "workers": workers},
        "unit": "clips",
        "shards": len({video.shard for video in source.videos}),
        "seconds": f"{seconds:.2f}",
        "rate": f"{steps * batch / seconds:.1f}",
        "peak_memory_mib": f"{memory.peak() / memory.MIB:.0f}",
    }


if __name__ == "__main__":
    main(sys.argv[1:])
