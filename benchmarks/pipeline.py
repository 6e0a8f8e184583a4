"""Speed and memory of the video pipeline, from video files to batches of segments.

    python -m benchmarks.pipeline --out benchmarks/pipeline.csv

Measures, in processes of their own so that peak memory is each one's:

- preparation of videos to shards without flow, with as many workers as cores, next
  to bare PyAV decoding and JPEG encoding on as many processes;
- optical flow, TV-L1 and DIS, of frames of 340x256 on one core;
- the training pipeline from shards, in samples of 7 segments, next to the forward
  pass of the OFF model that it feeds;
- peak memory of the pipeline over shards of a short and of a long video.

The videos are the embedded ones, repeated to the length asked for. Rows of another
TensorFlow version stay in the file; rows of this one are replaced.
"""

import argparse
import concurrent.futures
import csv
import datetime
import json
import multiprocessing
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import keras
import tensorflow as tf

from benchmarks.action_recognition import device, forward
from offkeras import data, models
from offkeras.data import modalities, optical_flow, video_examples
from offkeras.data._sample_videos import sample_video
from training import prepare_videos

# === Options ===
VIDEOS = 16
FRAMES = 180  # the mean length of a clip of UCF-101
LONG = 20  # how many times as long the long video is
SIZE, SEGMENTS, BATCH = 224, 7, 8
FLOW_PAIRS = 20
STEPS = 12
ROUNDS = 3
NUM_CLASSES = 101

COLUMNS = (
    *("measurement", "modality", "unit", "value", "reference", "reference_value"),
    *("ratio_to_reference", "peak_memory_mib", "tensorflow", "keras", "device"),
    *("size", "segments", "batch", "videos", "frames", "date", "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--videos", type=int, default=VIDEOS, help="videos to prepare")
    parser.add_argument("--frames", type=int, default=FRAMES, help="frames of a video")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches measured")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


# === The videos ===


def write_videos(folder, *, videos, frames):
    """Writes `folder/<class>/*.avi` at 320x240, as UCF-101 has them."""
    import cv2

    for number in range(videos):
        source = data.iterate_frames(sample_video("bikes.mp4"))
        images = [cv2.resize(image, (320, 240)) for _, image in source]
        images = images[number % len(images) :] + images[: number % len(images)]
        path = folder / "ab"[number % 2] / f"{number:03}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        looped = (images[i % len(images)] for i in range(frames))
        data.write_video(path, looped, fps=25, codec="mpeg4")


def shards_of(folder, *, flow, workers):
    """Prepares the videos of a folder; returns the folder of the shards."""
    out = folder.parent / f"{folder.name}_{flow}"
    arguments = ["--videos", folder, "--out", out, "--flow", flow]
    arguments += ["--workers", workers, "--videos-per-shard", 4]
    prepare_videos.main([str(argument) for argument in arguments])
    return out


# === The cases: each returns units per second ===


def prepare_case(folder, o):
    """Frames per second of preparation without flow."""
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        link = Path(out, "videos")
        link.symlink_to(folder / "many")
        start = time.perf_counter()
        shards_of(link, flow="none", workers=workers)
        return o.videos * o.frames / (time.perf_counter() - start)


def bare_case(folder, o):
    """Frames per second of PyAV decoding and OpenCV JPEG encoding, nothing else."""
    paths = sorted(str(path) for path in (folder / "many").rglob("*.avi"))
    workers = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        frames = sum(pool.map(decode_and_encode, paths))
    return frames / (time.perf_counter() - start)


def decode_and_encode(path):
    """Decodes a video, encodes its frames at 340x256; returns their number."""
    import av
    import cv2

    cv2.setNumThreads(1)
    options = video_examples.ExampleOptions()
    size = options.width, options.height
    with av.open(path) as container:
        count = 0
        for frame in container.decode(video=0):
            image = cv2.resize(frame.to_ndarray(format="bgr24"), size)
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, options.quality])
            count += 1
    return count


def flow_case(method):
    """Function that measures pairs of frames per second of a flow method."""

    def measure(folder, o):
        import cv2

        cv2.setNumThreads(1)
        options = video_examples.ExampleOptions()
        indices = range(FLOW_PAIRS + 1)
        frames = data.read_frames(sample_video("bikes.mp4"), indices)
        gray = [
            cv2.cvtColor(
                cv2.resize(frame, (options.width, options.height)), cv2.COLOR_RGB2GRAY
            )
            for frame in frames
        ]
        between = optical_flow.estimator(method)
        start = time.perf_counter()
        for first, second in zip(gray, gray[1:], strict=False):
            optical_flow.quantize(between(first, second))
        return FLOW_PAIRS / (time.perf_counter() - start)

    return measure


def pipeline_case(modality, shards="many_dis"):
    """Function that measures samples per second of the training pipeline."""

    def measure(folder, o):
        videos = data.PreparedVideos.open(folder / shards)
        batch = min(o.batch, len(videos))
        clips = videos.train_dataset(
            batch_size=batch,
            modality=modality,
            num_segments=SEGMENTS,
            size=o.size,
            epochs=-(-(o.steps + 2) // videos.steps_per_epoch(batch)),
        )
        iterator = iter(clips)
        for _ in range(2):
            next(iterator)
        start = time.perf_counter()
        for _ in range(o.steps):
            next(iterator)
        return o.steps * batch / (time.perf_counter() - start)

    return measure


def model_case(modality):
    """Function that measures samples per second of the forward pass."""

    def measure(folder, o):
        channels = modalities.find(modality).channels
        model = models.OFFActionRecognizer(
            NUM_CLASSES, num_segments=None, modality=modality
        )
        function = forward(model, SEGMENTS, o.batch)
        shape = (o.batch, SEGMENTS, o.size, o.size, channels)
        frames = tf.random.uniform(shape, maxval=255)
        function(frames)
        start = time.perf_counter()
        for _ in range(o.rounds):
            scores = function(frames)
        tf.nest.map_structure(lambda x: x.numpy(), scores)
        return o.rounds * o.batch / (time.perf_counter() - start)

    return measure


CASES = {
    "prepare": prepare_case,
    "bare": bare_case,
    "tvl1": flow_case("tvl1"),
    "dis": flow_case("dis"),
    **{f"pipeline_{name}": pipeline_case(name) for name in modalities.MODALITIES},
    **{f"model_{name}": model_case(name) for name in modalities.MODALITIES},
    "short": pipeline_case("rgb", "short_none"),
    "long": pipeline_case("rgb", "long_none"),
}
# measurement, modality, unit, case, reference, case of the reference
MEASUREMENTS = (
    ("preparation", "rgb", "frames/s", "prepare", "PyAV and JPEG alone", "bare"),
    ("optical flow", "tvl1", "frames/s", "tvl1", "DIS", "dis"),
    ("optical flow", "dis", "frames/s", "dis", "TV-L1", "tvl1"),
    *(
        ("training pipeline", name, "samples/s", f"pipeline_{name}")
        + ("forward pass of OFF", f"model_{name}")
        for name in modalities.MODALITIES
    ),
    ("pipeline, short video", "rgb", "samples/s", "short", "long video", "long"),
    ("pipeline, long video", "rgb", "samples/s", "long", "short video", "short"),
)


# === Measuring ===


def measure(folder, arguments, rounds):
    """Medians over rounds of `(value, peak memory in MiB)` of every case.

    A round runs every case once, each in a process of its own.
    """
    found = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, values in found.items():
            command = [sys.executable, "-m", "benchmarks.pipeline", *arguments]
            command += ["--case", name, "--folder", str(folder)]
            done = subprocess.run(
                command,
                cwd=Path(__file__).parents[1],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            values.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: tuple(map(median, zip(*v, strict=True))) for name, v in found.items()}


def run_case(o):
    """Runs one case and prints its value and the peak memory of this process."""
    value = CASES[o.case](o.folder, o)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{json.dumps([value, peak])}")


def table(medians, o, command):
    """Rows of the CSV file."""
    rows = []
    for measurement, modality, unit, case, reference, other in MEASUREMENTS:
        value, memory = medians[case]
        rows.append(
            {
                "measurement": measurement,
                "modality": modality,
                "unit": unit,
                "value": f"{value:.2f}",
                "reference": reference,
                "reference_value": f"{medians[other][0]:.2f}",
                "ratio_to_reference": f"{value / medians[other][0]:.3f}",
                "peak_memory_mib": f"{memory:.0f}",
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "device": device(),
                "size": o.size,
                "segments": SEGMENTS,
                "batch": 1 if case in ("short", "long") else o.batch,
                "videos": 1 if case in ("short", "long") else o.videos,
                "frames": o.frames * (LONG if case == "long" else 1),
                "date": datetime.date.today().isoformat(),
                "command": command,
            }
        )
    return rows


def write(path, rows):
    """Writes the rows, keeping those of other TensorFlow versions."""
    kept = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [
                r for r in csv.DictReader(file) if r["tensorflow"] != tf.__version__
            ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept + rows)


def main(arguments):
    """Writes the videos, measures and writes the table."""
    o = parse(arguments)
    if o.case:
        run_case(o)
        return
    command = shlex.join(["python", "-m", "benchmarks.pipeline", *arguments])
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_videos(folder / "many", videos=o.videos, frames=o.frames)
        shards_of(folder / "many", flow="dis", workers=workers)
        for name, times in (("short", 1), ("long", LONG)):
            write_videos(folder / name, videos=1, frames=o.frames * times)
            shards_of(folder / name, flow="none", workers=1)
        medians = measure(folder, arguments, o.rounds)
    rows = table(medians, o, command)
    write(o.out, rows)
    for row in rows:
        print(
            f"{row['measurement']:24}{row['modality']:10}{row['value']:>9} "
            f"{row['unit']:10}{row['ratio_to_reference']:>7} of {row['reference']}, "
            f"{row['peak_memory_mib']} MiB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
