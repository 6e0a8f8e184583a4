"""Training a detector: its four losses, as a model around it."""

import keras
from keras import ops

from offkeras.layers.detection.add_losses import AddLosses
from offkeras.layers.detection.rcnn_losses import RCNNLosses
from offkeras.layers.detection.rpn_losses import RPNLosses
from offkeras.models.detection_head import vote


def detection_trainer(detector, *, seed=0):
    """A model that computes the losses of a detector and trains its weights.

    The four losses of Faster R-CNN and R-FCN: of the classes and boxes of 256
    sampled anchors an image, and of the classes and boxes of the 128 regions,
    proposed or true, with the largest loss (online hard example mining). They
    are added, so that `compile` needs an optimizer only; each is a metric.

    The same anchors are drawn from all images of a step, in an order that
    follows from the seed and the number of the step. So nothing depends on how
    a batch is divided over devices.

    Args:
        detector: an `RFCN` or `OFFVideoDetector`, whose weights are shared.
        seed: seed of the draw of anchors.

    Returns:
        A `keras.Model` from `{"frames", "boxes", "classes"}` to `{"rpn_class",
        "rpn_box", "rcnn_class", "rcnn_box"}`, the losses of each image. Boxes
        are `(batch, objects, 4)` in pixels of the frames; classes are int32
        `(batch, objects)` from 0, and -1 for padding.

    Raises:
        ValueError: if `detector` is neither `RFCN` nor `OFFVideoDetector`.

    Example:

    ```python
    trainer = detection_trainer(detector)
    trainer.compile("sgd")
    trainer.fit(dataset)
    ```
    """
    names = [layer.name for layer in detector.layers]
    if "trunk" not in names or "head" not in names:
        raise ValueError(
            "detection_trainer expects an RFCN or OFFVideoDetector. "
            f"Received: {detector.name!r} with the layers {names}."
        )
    trunk, head = detector.get_layer("trunk"), detector.get_layer("head")
    frames = keras.Input(detector.input["frames"].shape[1:], name="frames")
    boxes = keras.Input((None, 4), name="boxes")
    classes = keras.Input((None,), dtype="int32", name="classes")

    # === Score maps and proposals ===
    taps = ("rpn_class", "rpn_box", "class_maps", "box_maps", "proposals")
    tapped = {name: head.get_layer(name).output for name in taps}
    outputs = keras.Model(head.input, tapped, name="tapped_head")(
        {"frames": frames, **trunk({"frames": frames})}
    )
    proposals, valid = outputs["proposals"]

    # === Losses ===
    layer = head.get_layer("proposals")
    rpn = RPNLosses(
        stride=layer.stride,
        scales=layer.scales,
        ratios=layer.ratios,
        seed=seed,
        dtype="float32",
        name="rpn_losses",
    )(outputs["rpn_class"], outputs["rpn_box"], boxes, classes, frames)
    rois = ops.concatenate([proposals, boxes], axis=1)
    valid = ops.concatenate([valid, classes >= 0], axis=1)
    rcnn = RCNNLosses(dtype="float32", name="rcnn_losses")(
        vote(head.get_layer("pool_classes")(outputs["class_maps"], rois)),
        vote(head.get_layer("pool_boxes")(outputs["box_maps"], rois)),
        rois,
        valid,
        boxes,
        classes,
    )
    losses = AddLosses(dtype="float32", name="losses")({**rpn, **rcnn})
    return keras.Model(
        {"frames": frames, "boxes": boxes, "classes": classes},
        losses,
        name=f"{detector.name}_trainer",
    )
