"""SavedModel export for TF Serving."""

import os
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from offkeras.models import fuse_scores


def saved_model(recognizer, folder, *, num_segments=None, class_names=None):
    """Writes a recognizer as the next version under a folder.

    The signature `serving_default` takes uint8 RGB `frames` `(batch, segments,
    height, width, channels)` and returns the fused `logits` and their
    `probabilities`, each `(batch, num_classes)`. The preprocessing is part of
    the graph. The version is written beside its name and renamed when whole.

    Args:
        recognizer: an `OFFActionRecognizer`.
        folder: the model's folder; versions are its subfolders 1, 2, ...
        num_segments: segments of a clip; `None` leaves them as the model has
            them.
        class_names: names of the classes, written to `labels.txt` in the
            version's `assets.extra`.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if `class_names` does not fit the model's outputs.
    """
    num_classes = recognizer.output["off_3"].shape[-1]
    if class_names is not None and len(class_names) != num_classes:
        raise ValueError(
            f"`class_names` must have {num_classes} names, one an output. "
            f"Received: {len(class_names)}."
        )
    _, segments, *image_shape = recognizer.input["frames"].shape

    def serve(frames):
        outputs = recognizer({"frames": tf.cast(frames, tf.float32)}, training=False)
        logits = fuse_scores(outputs)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    archive = keras.export.ExportArchive()
    archive.track(recognizer)
    archive.add_endpoint(
        "serving_default",
        serve,
        input_signature=[
            tf.TensorSpec(
                (None, num_segments or segments, *image_shape), tf.uint8, name="frames"
            )
        ],
    )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        archive.write_out(str(temporary / "model"), verbose=False)
        if class_names is not None:
            extra = temporary / "model" / "assets.extra"
            extra.mkdir()
            (extra / "labels.txt").write_text("\n".join(class_names) + "\n")
        version = folder / str(_next_version(folder))
        os.rename(temporary / "model", version)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return version


def _next_version(folder):
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    return max(versions, default=0) + 1
