"""The cases of `benchmarks.pipeline`: each gives units per second.

A case is a function of the folder of the videos and shards, and of the options.
"""

import concurrent.futures
import multiprocessing
import os
import tempfile
import time

import tensorflow as tf

from benchmarks.support import timing
from benchmarks.support.flow import FlowCase
from offkeras import data, modalities, models
from offkeras.data.actions import video_examples
from offkeras.data.sample_videos import sample_video
from offkeras.training.prepare import videos as prepare_videos

SIZE, SEGMENTS = 224, 7
FLOW_PAIRS = 20
NUM_CLASSES = 101


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


def write_shards(folder, out, *, flow, workers):
    """Prepares the videos of a folder."""
    arguments = ["--videos", folder, "--out", out, "--flow", flow]
    arguments += ["--vectors", "none" if flow == "none" else "previous"]
    arguments += ["--workers", workers, "--videos-per-shard", 4]
    prepare_videos.main([str(argument) for argument in arguments])


def prepare_case(folder, o):
    """Frames per second of preparation without flow."""
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.perf_counter()
        write_shards(folder / "many", out, flow="none", workers=workers)
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
        return FLOW_PAIRS / FlowCase(method, FLOW_PAIRS).seconds()

    return measure


def pipeline_case(modality, shards="many_shards"):
    """Function that measures samples per second of the training pipeline."""

    def measure(folder, o):
        videos = data.PreparedVideos.open(folder / shards)
        batch = min(o.batch, len(videos))
        epochs = -(-(o.steps + 2) // videos.steps_per_epoch(batch))
        clips = videos.train(
            data.Stream(epochs=epochs),
            batch_size=batch,
            modality=modality,
            num_segments=SEGMENTS,
            size=SIZE,
        )
        return o.steps * batch / timing.seconds_of_batches(clips, o.steps)

    return measure


def model_case(modality):
    """Function that measures samples per second of the forward pass."""

    def measure(folder, o):
        channels = modalities.find(modality).channels
        model = models.OFFActionRecognizer(
            NUM_CLASSES, num_segments=None, modality=modality
        )
        function = tf.function(lambda x: model({"frames": x}, training=False))
        shape = (o.batch, SEGMENTS, SIZE, SIZE, channels)
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
    "short": pipeline_case("rgb", "short_shards"),
    "long": pipeline_case("rgb", "long_shards"),
}
