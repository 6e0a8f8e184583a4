import csv
import json

import keras
import numpy as np
import pytest

from offkeras import backbones, data
from offkeras.data.synthetic.moving_objects import MOVING_OBJECTS
from offkeras.data.synthetic.snippet_files import write_snippets
from offkeras.training.detection import train as object_detection
from offkeras.training.detection.optimizer import make_optimizer
from offkeras.training.detection.presets import PRESETS, Options
from offkeras.training.prepare import movers
from offkeras.training.resume import Checkpoint

TINY = ["--channels", "16", "--filters", "8", "--num-candidates", "40"]
TINY += ["--num-proposals", "10", "--batch-size", "2", "--warm-up", "1"]
TINY += ["--validation-frames", "2"]


@pytest.fixture(scope="module")
def moving_objects(tmp_path_factory):
    root = tmp_path_factory.mktemp("objects") / "moving_objects"
    splits = {"train": (4, 3), "validation": (1, 3), "test": (2, 3)}
    write_snippets(MOVING_OBJECTS, root, splits=splits, workers=1)
    return root


def train(root, output, *options):
    object_detection.main(
        [
            *("--preset", "moving_objects", "--data", str(root)),
            *("--classes", str(root / "classes.txt"), "--output", str(output)),
            *(*TINY, "--epochs", "1", *options),
        ]
    )


def log(output):
    with open(output / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_trains_tests_and_saves(moving_objects, tmp_path, capsys):
    train(moving_objects, tmp_path / "run")
    out = capsys.readouterr().out
    assert "12 frames to train on, 6 to test on" in out
    assert "motion_fast" in out and "coco_ap50" in out
    (row,) = log(tmp_path / "run")
    parts = [float(row[k]) for k in ("rpn_class", "rpn_box", "rcnn_class", "rcnn_box")]
    assert sum(parts) == pytest.approx(float(row["loss"]), rel=1e-4)
    assert 0 <= float(row["val_map"]) <= 1
    lines = (tmp_path / "run/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == [0, 1, 2, 0, 1, 2]
    assert (tmp_path / "run/evaluation/precision_recall.png").stat().st_size > 1000
    detector = keras.models.load_model(tmp_path / "run/detector.keras")
    assert detector.inputs[0].shape[1] == 2


@pytest.mark.slow
def test_movers_on_a_fixed_pyramid_with_frames_in_which_nothing_moves(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    few = ["--train", "16", "--validation", "1", "--test", "2"]
    monkeypatch.setattr(
        object_detection, "prepare_movers", lambda argv: movers.main([*argv, *few])
    )
    object_detection.main(["--preset", "movers", "--epochs", "1", *TINY])
    assert "16 frames to train on, 2 to test on" in capsys.readouterr().out
    detector = keras.models.load_model("runs/movers_detector/detector.keras")
    stages = detector.get_layer("trunk").get_layer("extract")
    assert len(detector.trainable_weights) < len(detector.weights)
    backbone = backbones.create("efficientnet_lite0_fpn", weights="imagenet")
    (trained,) = (layer for layer in stages.layers if layer.name == backbone.name)
    for old, new in zip(
        backbone.get_layer("stages").weights,
        trained.get_layer("stages").weights,
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_cut_after_an_epoch_resumes_to_the_same_bits(
    moving_objects, tmp_path, monkeypatch
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(moving_objects, whole, "--epochs", "2", "--model", "off_single")

    class Killed(Exception):
        pass

    save = Checkpoint.on_epoch_end

    def save_and_die(self, epoch, logs=None):
        save(self, epoch, logs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", save_and_die)
        with pytest.raises(Killed):
            train(moving_objects, cut, "--epochs", "2", "--model", "off_single")
    train(moving_objects, cut, "--epochs", "2", "--model", "off_single", "--resume")
    assert log(whole)[1]["loss"] == log(cut)[1]["loss"]
    weights = [
        keras.models.load_model(run / "detector.keras").get_weights()
        for run in (whole, cut)
    ]
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_baseline_and_control_see_what_they_should(moving_objects):
    def clip(**options):
        o = Options(
            data=str(moving_objects), classes=str(moving_objects / "classes.txt"),
            short_side=96, long_side=128, **options
        )  # fmt: skip
        frames = object_detection.load("VID_test_videos", o, keep_empty=True)
        batches = list(object_detection.evaluation_dataset(frames, o))
        return batches[1]["frames"][0].numpy()

    assert clip(model="rfcn").shape == (1, 96, 128, 3)
    control, pair = clip(offsets="0"), clip()
    np.testing.assert_array_equal(control[0], control[1])
    assert np.abs(pair[0].astype(int) - pair[1]).mean() > 1
    np.testing.assert_array_equal(pair[1], control[1])


def test_defaults_are_the_papers():
    o = Options()
    # 53,639 stills and 56,176 frames of VID: 219,630 with their mirror images.
    steps = o.epochs * ((219_630 // 2) // o.batch_size)
    assert abs(steps - 220_000) < 1000
    assert abs(steps * o.learning_rate_drop - 73_200) < 300
    schedule = make_optimizer(220_000, o)._learning_rate
    found = [float(schedule(step)) for step in (0, 250, 500, 73_332, 73_334, 219_999)]
    np.testing.assert_allclose(found, [0, 5e-4, 1e-3, 1e-3, 1e-4, 1e-4], rtol=1e-6)
    made = {"moving_objects", "movers"}
    assert set(PRESETS) == {"imagenet_vid", "imagenet_vid_110k", *made}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "yolo"], "off_multi, off_single, rfcn. Received: 'yolo'"),
        (["--backbone", "vgg"], "resnet50, resnet101.*Received: 'vgg'"),
        (["--weights", "imagenet"], "--backbone tiny has none"),
        (["--offsets", "a"], "--offsets to be numbers, such as -1. Received: 'a'"),
        (["--optimizer", "lamb"], "one of sgd, adam. Received: 'lamb'"),
        (["--warm-up", "6"], "in 1..5, of 6 steps. Received: 6"),
    ],
)
def test_wrong_options_are_one_sentence(moving_objects, tmp_path, options, message):
    with pytest.raises(SystemExit, match=message):
        train(moving_objects, tmp_path / "run", *options)


def test_unknown_options_end_the_program(capsys):
    with pytest.raises(SystemExit):
        object_detection.main(["--epoch", "3"])
    assert "--epoch" in capsys.readouterr().err


@pytest.mark.slow
def test_trains_on_coco_vid(moving_objects, tmp_path):
    """The command that the guide shows for videos of your own, in miniature."""
    names = ("train", "validation", "test")
    for name in names:
        write_coco_vid(moving_objects, name, tmp_path / f"{name}.json")
    lists = [x for name in names for x in (f"--{name}", str(tmp_path / f"{name}.json"))]
    object_detection.main(
        [
            *("--data", str(moving_objects / "Data/VID"), "--backbone", "tiny"),
            *("--short-side", "64", "--long-side", "96", "--model", "off_single"),
            *("--output", str(tmp_path / "run"), *TINY, "--epochs", "1", *lists),
        ]
    )
    assert (tmp_path / "run/labels.txt").read_text() == "disc\nsquare\ntriangle\n"
    (row,) = log(tmp_path / "run")
    assert np.isfinite(float(row["loss"]))


def write_coco_vid(root, split, path):
    """A split of the moving objects in the other layout."""
    classes = data.read_classes(root / "classes.txt")
    frames = data.load_imagenet_vid(
        root, [f"VID_{split}_videos"], classes=classes, keep_empty=True
    ).frames
    videos = {frame.video.name: None for frame in frames}
    content = {
        "videos": [{"id": i, "name": name} for i, name in enumerate(videos)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes)],
        "images": [],
        "annotations": [],
    }
    for number, frame in enumerate(frames):
        image = frame.video.images[frame.position]
        content["images"].append(
            {
                "id": number,
                "video_id": list(videos).index(frame.video.name),
                "frame_id": frame.position,
                "file_name": image.partition("Data/VID/")[2],
                "height": frame.size[0],
                "width": frame.size[1],
            }
        )
        rows = zip(frame.boxes, frame.classes, frame.tracks, strict=True)
        for (x1, y1, x2, y2), label, track in rows:
            content["annotations"].append(
                {
                    "id": len(content["annotations"]),
                    "image_id": number,
                    "category_id": int(label),
                    "instance_id": int(track),
                    "bbox": [float(v) for v in (x1, y1, x2 - x1, y2 - y1)],
                }
            )
    path.write_text(json.dumps(content))
