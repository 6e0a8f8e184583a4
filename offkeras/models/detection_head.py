"""The two halves of R-FCN that follow the features."""

import keras
from keras import ops

from offkeras.layers import Detections, Proposals, PSRoIPooling

POOL_SIZE = 7  # k of R-FCN, bins a side
RATIOS = (0.5, 1, 2)  # height / width of the anchors
INITIALIZER = {"class_name": "RandomNormal", "config": {"stddev": 0.01}}


def detection_head(
    num_classes,
    channels,
    stride,
    *,
    anchor_scales=(8, 16, 32),
    num_candidates=6000,
    num_proposals=300,
    max_detections=300,
    pooling="matmul",
):
    """Region proposal network and R-FCN on the two halves of the features.

    features ─┬─ first half ──▶ rpn_class, rpn_box ──▶ proposals
              └─ second half ─▶ class_maps, box_maps ─────┤ pool, vote
                                                          ▼
                                                      detections

    Section 6.1 of Sun et al.; Dai et al. (2016) for the rest. Boxes do not
    depend on the class, so 4 maps a bin hold their deltas. (The authors of
    R-FCN have 8, half of them for the background, which are never read.)

    Args:
        num_classes: number of classes without the background.
        channels: channels of the features, an even number.
        stride: pixels a cell of the features.
        anchor_scales: sides of the square anchors, in cells.
        num_candidates: boxes before the suppression of proposals.
        num_proposals: boxes after it.
        max_detections: detections of an image, see `layers.Detections`.
        pooling: method of `layers.PSRoIPooling`.

    Returns:
        A `keras.Model` from `{"features": (batch, rows, columns, channels),
        "frames": (batch, time, height, width, 3)}`, of which the size alone is
        used, to the dict of `layers.Detections`.
    """
    features = keras.Input((None, None, channels), name="features")
    frames = keras.Input((None, None, None, 3), name="frames")

    # === Region proposals ===
    num_anchors = len(anchor_scales) * len(RATIOS)
    proposals = Proposals(
        stride=stride,
        scales=anchor_scales,
        ratios=RATIOS,
        num_candidates=num_candidates,
        num_proposals=num_proposals,
        dtype="float32",
        name="proposals",
    )

    # === Position-sensitive scores ===
    bins = POOL_SIZE**2
    pools = [
        PSRoIPooling(
            POOL_SIZE,
            spatial_scale=1 / stride,
            method=pooling,
            dtype="float32",
            name=name,
        )
        for name in ("pool_classes", "pool_boxes")
    ]
    detections = Detections(
        max_detections=max_detections, dtype="float32", name="detections"
    )

    # === Functional Model ===
    layers = [
        _score_maps(2 * num_anchors, "rpn_class"),
        _score_maps(4 * num_anchors, "rpn_box"),
        _score_maps(bins * (1 + num_classes), "class_maps"),
        _score_maps(bins * 4, "box_maps"),
        *(proposals, *pools, detections),
    ]
    layers = {layer.name: layer for layer in layers}
    detections = _detect(
        layers.__getitem__,
        features,
        frames,
        lambda pool, maps, rois: vote(pool(maps, rois)),
    )
    return keras.Model(
        {"features": features, "frames": frames}, detections, name="head"
    )


def detect_in_frame(head, features, frame):
    """What a head finds in one frame, with no tensor of more than four axes.

    Args:
        head: as `detection_head` returns it.
        features: `(batch, rows, columns, channels)`.
        frame: `(batch, height, width, 3)`, of which the size alone is used.

    Returns:
        The dict of `layers.Detections`.
    """

    def pool_and_vote(pool, maps, rois):
        # It has no weights, so another layer does as well.
        return PSRoIPooling.from_config({**pool.get_config(), "vote": True})(maps, rois)

    return _detect(head.get_layer, features, frame, pool_and_vote)


def _detect(layer, features, frames, pool_and_vote):
    """From features to detections by the layers of these names."""
    half = features.shape[-1] // 2
    first, second = features[..., :half], features[..., half:]
    class_map, box_map = layer("rpn_class")(first), layer("rpn_box")(first)
    rois, valid = layer("proposals")(class_map, box_map, frames)
    logits, deltas = (
        pool_and_vote(layer(f"pool_{name}"), layer(maps)(second), rois)
        for name, maps in (("classes", "class_maps"), ("boxes", "box_maps"))
    )
    return layer("detections")(logits, deltas, rois, valid, frames)


def vote(pooled):
    """The mean of the bins: `(B, R, bins, bins, C)` -> `(B, R, C)`."""
    return ops.mean(pooled, axis=(2, 3))


def _score_maps(channels, name):
    return keras.layers.Conv2D(channels, 1, kernel_initializer=INITIALIZER, name=name)


def num_classes_of(detector):
    """Number of classes of a detector, without the background."""
    maps = detector.get_layer("head").get_layer("class_maps")
    return maps.filters // POOL_SIZE**2 - 1


def with_classes(detector, num_classes):
    """A detector of other classes: new score maps on the same weights.

    Args:
        detector: an `RFCN` or an `OFFVideoDetector`, trained.
        num_classes: number of its new classes, without the background.

    Returns:
        A detector with a copy of all layers of the old one but those maps.
    """
    config = detector.get_config()
    (head,) = (layer for layer in config["layers"] if layer["name"] == "head")
    for layer in head["config"]["layers"]:
        if layer["name"] == "class_maps":
            layer["config"]["filters"] = POOL_SIZE**2 * (1 + num_classes)
    other = type(detector).from_config(config)
    pairs = [(detector.get_layer("trunk"), other.get_layer("trunk"))]
    pairs += [
        (layer, other.get_layer("head").get_layer(layer.name))
        for layer in detector.get_layer("head").layers
        if layer.name != "class_maps"
    ]
    for old, new in pairs:
        new.set_weights(old.get_weights())
    return other
