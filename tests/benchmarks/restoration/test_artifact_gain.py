import csv

import numpy as np
import pytest
import scipy.ndimage

from benchmarks import artifact_gain
from offkeras.data.restoration import compression, septuplet_files


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A tiny set with the lists of the embedded one."""
    root = tmp_path_factory.mktemp("clips")
    noise = np.random.default_rng(0).uniform(0, 255, (7, 40, 48, 3))
    smooth = scipy.ndimage.gaussian_filter(noise, (0, 2, 2, 0)) * 3 - 255
    frames = np.clip(smooth, 0, 255).astype("uint8")
    for split in ("train", "validation", "test", "out_of_domain"):
        septuplet_files.write_clip(root / "sequences" / split / "0001", frames)
        septuplet_files.write_list(root, split, [f"{split}/0001"])
    for larger in ("train_sizes", "train_colors"):
        septuplet_files.write_list(root, larger, ["train/0001"])
    return root


@pytest.mark.slow
@pytest.mark.exhaustive
def test_rows_are_resumed_and_comparable(clips, tmp_path, monkeypatch, capsys):
    # The lists are there, so nothing is cut from the embedded videos.
    monkeypatch.setattr(
        artifact_gain.prepare_compression.compressed_clips,
        "sample_video",
        lambda name: pytest.fail(f"{name} was read"),
    )
    out = tmp_path / "gain.csv"
    arguments = ["--out", str(out), "--data", str(clips), "--qualities", "40"]
    arguments += ["--seeds", "0", "--steps", "2", "--batch", "2", "--crop", "16"]
    arguments += ["--width", "4", "--depth", "5", "--warm-up", "0"]
    artifact_gain.main([*arguments, "--models", "DnCNN"])
    artifact_gain.main([*arguments, "--models", "DnCNN", "OFF(3)"])
    assert (
        capsys.readouterr().out.count("DnCNN q=40 seed=0") == 2
    )  # test, out of domain

    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["clips"]) for row in rows] == [
        (model, split)
        for model in ("DnCNN", "OFF(3)")
        for split in ("test", "out_of_domain")
    ]
    for row in rows:
        gain = float(row["psnr"]) - float(row["psnr_compressed"])
        assert gain == pytest.approx(float(row["gain"]), abs=2e-4)
        assert row["psnr_compressed"] == rows[0]["psnr_compressed"]
        assert row["ffmpeg"] == compression.FFmpeg.find().version
    # DnCNN sees no neighbour; OFF does.
    assert rows[0]["psnr_alone"] == rows[0]["psnr"]
    assert rows[2]["psnr_alone"] != rows[2]["psnr"]
    # Other settings are another model.
    artifact_gain.main([*arguments, "--models", "DnCNN", "--steps", "1"])
    xavier = ["--models", "DnCNN", "--initialization", "xavier"]
    artifact_gain.main([*arguments, *xavier])
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["initialization"] for row in rows[-4:]] == ["he"] * 2 + ["xavier"] * 2
    assert rows[-1]["psnr"] != rows[1]["psnr"]


def test_all_models_of_a_seed_see_the_same_crops(clips, monkeypatch):
    compression.compress_clips(
        clips,
        ["train/0001"],
        ffmpeg=compression.FFmpeg.find(),
        codec="jpeg2000",
        quality=40,
    )
    seen = {}

    class Recorder:
        """Stands for a model: keeps what it is trained on."""

        def __init__(self, model):
            self.inputs, self.output = model.inputs, model.output

        def compile(self, *args, **options):
            pass

        def fit(self, dataset, **options):
            seen[self.inputs[0].shape[1]] = [
                (frames["frames"].numpy(), target["restored"].numpy())
                for frames, target in dataset
            ]

    make_model = artifact_gain.make_model
    monkeypatch.setattr(
        artifact_gain, "make_model", lambda *args: Recorder(make_model(*args))
    )
    arguments = ["--out", "none.csv", "--data", str(clips), "--steps", "3"]
    arguments += [
        "--batch",
        "2",
        "--crop",
        "16",
        "--width",
        "4",
        "--depth",
        "5",
        "--warm-up",
        "0",
    ]
    options = artifact_gain.parse(arguments)
    for name in ("DnCNN", "OFF(2)", "OFF(3)"):
        artifact_gain.train(name, 40, 7, options)
    assert set(seen) == {1, 2, 3}
    for one, two, three in zip(seen[1], seen[2], seen[3], strict=False):
        np.testing.assert_array_equal(one[1], two[1])
        np.testing.assert_array_equal(one[1], three[1])
        np.testing.assert_array_equal(one[0], three[0][:, 1:2])
        np.testing.assert_array_equal(two[0], three[0][:, :2])


def test_trunks_are_as_deep_as_dncnn():
    options = artifact_gain.parse(["--out", "n.csv", "--width", "24", "--depth", "10"])
    found = {
        name: artifact_gain.make_model(name, options).count_params()
        for name in artifact_gain.MODELS
    }
    assert found == {
        "DnCNN": 42_987,
        "OFF(1)": 79_995,
        "OFF(2)": 85_179,
        "OFF(3)": 90_363,
    }


def test_unknown_options_are_errors(capsys):
    with pytest.raises(SystemExit):
        artifact_gain.parse(["--out", "x.csv", "--step", "3"])
    assert "--step" in capsys.readouterr().err
