"""Size, latency and quality of a trained model in every format it is exported to.

    python -m benchmarks.export runs/camera_motion/recognizer.keras \\
        --segments 4 --out benchmarks/export.csv

A recognizer of the camera-motion set is judged by its accuracy on held-out clips, a
restorer by the PSNR of JPEG 2000 frames of a real video, a detector by its mAP
on the moving objects. int8 is calibrated on clips of another video, of a detector on
training snippets. Rows of other models and TensorFlow versions stay in the file.
"""

import functools
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.support import records, timing
from offkeras import data, export, metrics, models
from offkeras.data.restoration import compression
from offkeras.export.to_litert import QUANTIZATIONS
from offkeras.metrics.detection import Detections
from offkeras.models.task import DETECTION, RECOGNITION, task_of
from offkeras.training.detection.train import thin_out
from offkeras.training.prepare import moving_objects as prepare_moving_objects

# === Options ===
ROUNDS = 20
CLIPS = 200
QUALITY = 40  # of JPEG 2000
CALIBRATION_VIDEO, TEST_VIDEO = "bigbuckbunny.mp4", "carphone_pristine.mp4"
CALIBRATION_CLIPS = 16  # of the moving objects
MOVING_OBJECTS_ROOT = Path("runs/moving_objects")
DETECTED = ("boxes", "scores", "classes")
# Rows of the table: a format and its options.
CASES = {
    "saved_model": ("savedmodel", {}),
    "onnx": ("onnx", {}),
    "openvino": ("openvino", {}),
    **{f"litert_{kind}": ("litert", {"quantize": kind}) for kind in QUANTIZATIONS},
}


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("model", type=Path, help=".keras file")
    parser.add_argument("--segments", type=int, help="of a recognizer")
    parser.add_argument("--size", type=int, nargs=2, help="of frames, where left open")
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    return parser.parse_args(arguments)


def load_clips(task, segments, size, count, root=MOVING_OBJECTS_ROOT):
    """Clips, and what the metric compares their results with."""
    if task == RECOGNITION:
        source = data.CameraMotion.open(evaluation_clips=count)
        dataset = source.evaluate(batch_size=1, num_segments=segments, size=size[0])
        pairs = [(clip.numpy(), label.numpy()) for clip, label in dataset]
        clips, labels = zip(*pairs, strict=True)
        return np.concatenate(clips).astype(np.uint8), np.concatenate(labels)
    if task == DETECTION:
        return moving_objects("test", segments, size, count, root)
    video = data.sample_video(TEST_VIDEO)
    count = min(count, data.probe(video).num_frames - segments + 1)
    frames = data.read_frames(video, range(count + segments - 1))
    frames = frames[:, : size[0], : size[1]]
    ffmpeg = compression.FFmpeg.find()
    compressed, _ = ffmpeg.compress(frames, codec="jpeg2000", quality=QUALITY)
    clips = np.stack([compressed[i : i + segments] for i in range(count)])
    target = segments // 2
    return clips, frames[target : target + count]


def moving_objects(split, segments, size, count, root):
    """Clips of the moving objects, and the dataset of their key frames."""
    if not root.exists():
        prepare_moving_objects.main(["--out", str(root)])
    source = data.load_imagenet_vid(
        root,
        [f"VID_{split}_videos"],
        classes=data.read_classes(root / "classes.txt"),
        keep_empty=True,
    )
    source = thin_out(source, count)
    offsets = tuple(range(1 - segments, 0))
    dataset = source.evaluate(
        short_side=min(size), long_side=max(size), offsets=offsets
    )
    return np.concatenate([batch["frames"] for batch in dataset]), source


def calibrate(model, task, shape, root=MOVING_OBJECTS_ROOT):
    """Clips on which the ranges of int8 are measured; none of them is tested on."""
    if task == DETECTION:
        segments, size = shape["num_segments"], shape["size"]
        return moving_objects("train", segments, size, CALIBRATION_CLIPS, root)[0]
    video = data.sample_video(CALIBRATION_VIDEO)
    return export.calibration_clips([video], model, **shape)


def quality(task, results, truth):
    """`(name, value)` of the task's metric."""
    if task == RECOGNITION:
        labels = [result["probabilities"][0].argmax() for result in results]
        return "accuracy", float(np.mean(labels == truth))
    if task == DETECTION:
        found = [Detections(*map(kept(result), DETECTED)) for result in results]
        precision = metrics.evaluate_detections(
            truth.frames, found, num_classes=len(truth.class_names)
        )
        return "map", metrics.mean_average_precision(precision)
    restored = np.concatenate([r["restored"] for r in results])
    values = [
        float(metrics.psnr(t[None], r[None])[0])
        for t, r in zip(truth, restored, strict=True)
    ]
    return "psnr", float(np.mean(values))


def kept(result):
    """Function from the name of an output to its values for what was detected."""
    count = int(result["count"][0])
    return lambda name: result[name][0][:count]


def write_format(name, model, folder, shape, calibration):
    """Exports; returns the path and a function from a clip to its result."""
    target, options = CASES[name]
    chosen = export.FORMATS[target]
    if options.get("quantize") == "int8":
        options = {**options, "calibration": calibration}
    path = chosen.path(folder, quantize=options.get("quantize", "float32"))
    path = chosen.write(model, path, **options, **shape)
    run = chosen.run(path, "serving_default")
    return path, lambda clip: run(frames=clip)


def megabytes(path):
    """Size of a model: of a file, or of all files of a folder."""
    # The weights of OpenVINO lie beside the graph.
    files = path.rglob("*") if path.is_dir() else (path, path.with_suffix(".bin"))
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def keras_runner(model, task):
    """The trained model itself, the reference of the metric."""

    @tf.function
    def outputs(clip):
        return model({"frames": tf.cast(clip, tf.float32)}, training=False)

    def answer(clip):
        values = {name: value.numpy() for name, value in outputs(clip).items()}
        if task == RECOGNITION:
            return {"probabilities": values["appearance"] + values["off_3"]}
        return values

    return answer


def measure(options, environment):
    """Rows of the CSV file."""
    model = models.load_model(options.model)
    task = task_of(model)
    _, segments, height, width, _ = model.input["frames"].shape
    shape = dict(num_segments=segments or options.segments)
    size = (height, width) if height else options.size
    if size is None or shape["num_segments"] is None:
        raise SystemExit("The model leaves sizes open: give --segments or --size.")
    shape["size"] = tuple(size)
    clips, truth = load_clips(task, shape["num_segments"], size, options.clips)
    calibration = calibrate(model, task, shape)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("keras", *CASES):
            if name == "keras":
                path, run = options.model, keras_runner(model, task)
            else:
                path, run = write_format(name, model, folder, shape, calibration)
            latency = timing.median_seconds(
                functools.partial(run, clips[:1]), options.rounds
            )
            metric, value = quality(task, [run(clip[None]) for clip in clips], truth)
            row = {
                "model": model.name,
                "format": name,
                "megabytes": f"{megabytes(path):.2f}",
                "milliseconds": f"{1e3 * latency:.2f}",
                "metric": metric,
                "value": f"{value:.4f}",
                "to_keras": f"{value - float(rows[0]['value']) if rows else 0:.4f}",
                "clips": len(clips),
                "size": f"{size[0]}x{size[1]}",
                "segments": shape["num_segments"],
                "batch": 1,
            }
            print(row, flush=True)
            rows.append({**row, **environment})
    return rows


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    rows = measure(options, records.environment("export", arguments))
    records.write(options.out, rows, same=("model", "tensorflow"))


if __name__ == "__main__":
    main(sys.argv[1:])
