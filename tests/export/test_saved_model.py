import subprocess
import sys

import numpy as np
import pytest

from offkeras import backbones, export, models


@pytest.fixture(scope="module")
def recognizer():
    backbone = backbones.BNInception(width=0.125, input_shape=(32, 32, 3))
    return models.OFFActionRecognizer(3, num_segments=None, backbone=backbone)


# Runs without keras and offkeras: TensorFlow alone must be enough.
READER = """
import sys
sys.modules["keras"] = sys.modules["offkeras"] = None
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
frames = np.load(sys.argv[2], allow_pickle=False)
answer = model.signatures["serving_default"](frames=tf.constant(frames))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in answer.items()})
"""


def test_answers_with_tensorflow_alone(recognizer, tmp_path):
    names = ["run", "jump", "sit"]
    version = export.saved_model(
        recognizer, tmp_path / "model", num_segments=4, class_names=names
    )
    assert version == tmp_path / "model" / "1"
    assert (version / "assets.extra" / "labels.txt").read_text().split() == names
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    subprocess.run(
        [sys.executable, "-c", READER]
        + [str(version), str(tmp_path / "frames.npy"), str(tmp_path / "answer.npz")],
        check=True,
    )
    answer = np.load(tmp_path / "answer.npz")
    outputs = recognizer({"frames": frames}, training=False)
    logits = (outputs["appearance"] + outputs["off_3"]).numpy()
    assert set(answer) == {"logits", "probabilities"}
    np.testing.assert_allclose(answer["logits"], logits, atol=1e-5)
    np.testing.assert_allclose(answer["probabilities"].sum(-1), 1, atol=1e-5)


def test_versions_count_up_and_nothing_half_written_stays(recognizer, tmp_path):
    export.saved_model(recognizer, tmp_path)
    assert export.saved_model(recognizer, tmp_path) == tmp_path / "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_wrong_class_names(recognizer, tmp_path):
    with pytest.raises(ValueError, match="must have 3 names.*Received: 2"):
        export.saved_model(recognizer, tmp_path, class_names=["run", "jump"])
    assert not list(tmp_path.iterdir())
