"""One folder, one command for each kind of backbone."""

import pytest

from offkeras import cli, inference
from tests.support.action_miniatures import SIDES, write_sides

# Lite0 is the default and tested elsewhere, a preset of keras-hub beside its backbones.
BACKBONES = [
    pytest.param("bn_inception", marks=pytest.mark.exhaustive),
    "MobileNetV2",
]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_folder_is_trained_on_with_any_backbone(backbone, tmp_path):
    root, output = write_sides(tmp_path / "videos", 2), tmp_path / "run"
    options = ["--backbone", backbone, "--weights", "", "--init", ""]
    options += ["--views", "1", "--segments", "2", "--batch-size", "4"]
    cli.main(["train", str(root), "--output", str(output), "--epochs", "1", *options])
    trained = inference.trained_model(str(output))
    assert trained.class_names == SIDES
    recognizer = trained.load()
    names = [layer.name for layer in recognizer.layers]
    assert any(name.lower() == backbone.lower() for name in names), names
