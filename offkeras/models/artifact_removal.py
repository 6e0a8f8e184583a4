"""Compression artifact removal: DnCNN with and without OFF.

frame t-1      frame t        frame t+1
    │ head         │ head          │ head     (shared)
 reduced        reduced ─────▶  reduced
    │              ├──────────┐    │
    └─── OFF ──────┴──────────│────┘
          │                features
          └────▶ refine ◀─────┤
                   │          │
                   + ◀────────┘
                   │ tail
 frame t ────────▶ -  ──────────▶ restored
"""

import keras
from keras import layers, ops

from offkeras.layers import Gradients

CHANNELS = 3  # RGB


def DnCNN(*, depth=20, width=64, initialization="he", name="dncnn"):
    """DnCNN without batch normalisation: the baseline of section 7.

    `depth` convolutions of 3x3; all but the last are followed by ReLU. They
    predict the artifacts, which are subtracted from the frame.

    Args:
        depth: number of convolutions, at least 2.
        width: channels of the hidden convolutions.
        initialization: `"he"` (He normal; the last convolution starts at zero,
            so that an untrained network returns its input) or `"xavier"`
            (Xavier uniform everywhere, as in the paper; deep networks need
            some hundred steps before they improve on their input).
        name: name of the model.

    Returns:
        A `keras.Model` from `{"frames": (batch, 1, height, width, 3)}` in
        0..255 to `{"restored": (batch, height, width, 3)}`, float32 in 0..255,
        not clipped. Height and width are free.

    Raises:
        ValueError: if an argument is outside the values above.

    Example:

    >>> model = DnCNN()
    >>> model({"frames": np.zeros((1, 1, 37, 53, 3))})["restored"].shape
    (1, 37, 53, 3)
    """
    _check_at_least("depth", depth, 2)
    convolution = _convolution(initialization)
    frames = keras.Input((1, None, None, CHANNELS), name="frames")
    frame = frames[:, 0]  # (B, 1, H, W, 3) -> (B, H, W, 3)
    x = layers.Rescaling(1 / 255, name="rescale")(frame)
    for index in range(1, depth):
        x = convolution(width, f"conv_{index}")(x)
    restored = _subtract_artifacts(frame, x, initialization)
    return keras.Model({"frames": frames}, {"restored": restored}, name=name)


def OFFArtifactRemover(
    num_frames=3,
    *,
    width=64,
    filters=None,
    head_convs=3,
    refine_convs=5,
    tail_convs=18,
    operator="prewitt",
    initialization="he",
    name="off_artifact_remover",
):
    """DnCNN with one OFF unit after its first convolutions (figure 6).

    A head, shared by all frames, extracts features; a linear 1x1 convolution
    reduces them; OFF is made of the spatial gradients of the target frame and
    of one temporal gradient a neighbour. Convolutions refine OFF together with
    the features of the target, which are then added back; the tail predicts
    the artifacts, which are subtracted from the target frame.

    Two models in it, `head` and `tail`, serve `streaming` as well: a frame
    passes through the head once, whatever the number of frames it is used for.

    Args:
        num_frames: 3 takes frames t-1, t, t+1 and restores t; 2 takes t-1, t
            and restores t; 1 is a control that sees no neighbour and has the
            spatial gradients only.
        width: channels of the hidden convolutions.
        filters: channels of the reduced features. Default: `width`.
        head_convs: convolutions before OFF.
        refine_convs: convolutions between OFF and the sum.
        tail_convs: convolutions after the sum. The paper says "the rest 18";
            17 makes the trunk as deep as the 20 convolutions of DnCNN.
        operator: spatial operator, see `layers.SpatialGradient`.
        initialization: `"he"` or `"xavier"`, see `DnCNN`.
        name: name of the model.

    Returns:
        A `keras.Model` from `{"frames": (batch, num_frames, height, width,
        3)}` in 0..255 to `{"restored": (batch, height, width, 3)}`, float32 in
        0..255, not clipped. Height and width are free.

    Raises:
        ValueError: if an argument is outside the values above.

    Example:

    >>> model = OFFArtifactRemover(num_frames=3)
    >>> model({"frames": np.zeros((1, 3, 37, 53, 3))})["restored"].shape
    (1, 37, 53, 3)
    """
    if num_frames not in (1, 2, 3):
        raise ValueError(f"`num_frames` must be 1, 2 or 3. Received: {num_frames}.")
    _check_at_least("head_convs", head_convs, 1)
    _check_at_least("refine_convs", refine_convs, 1)
    _check_at_least("tail_convs", tail_convs, 1)
    filters = width if filters is None else filters
    convolution = _convolution(initialization)

    # === Head and tail ===
    head = _head(convolution, width, filters, head_convs)
    tail = _tail(
        convolution,
        num_frames,
        width=width,
        filters=filters,
        refine_convs=refine_convs,
        tail_convs=tail_convs,
        operator=operator,
        initialization=initialization,
    )

    # === Functional Model ===
    frames = keras.Input((num_frames, None, None, CHANNELS), name="frames")
    # (B, T, H, W, 3) -> T times (B, H, W, 3)
    sequence = [frames[:, index] for index in range(num_frames)]
    heads = [head({"frame": frame}) for frame in sequence]
    target = target_index(num_frames)
    restored = tail(
        {
            "frame": sequence[target],
            "features": heads[target]["features"],
            **{
                f"reduced_{index}": outputs["reduced"]
                for index, outputs in enumerate(heads)
            },
        }
    )
    return keras.Model({"frames": frames}, restored, name=name)


def target_index(num_frames):
    """Which of the input frames is restored: the last of 2, the middle of 3."""
    return num_frames // 2


def ensemble(model, inputs):
    """Mean restoration over flips, quarter turns and, of 3 frames, time reversal.

    Args:
        model: a `DnCNN` or an `OFFArtifactRemover`.
        inputs: `{"frames": (batch, num_frames, height, width, 3)}`.

    Returns:
        `{"restored": (batch, height, width, 3)}`, the mean of 8 restorations,
        or of 16 where the neighbours can change places.
    """
    frames = ops.convert_to_tensor(inputs["frames"])
    sequences = [frames] if frames.shape[1] < 3 else [frames, ops.flip(frames, axis=1)]
    total, count = 0, 0
    for sequence in sequences:
        for flipped in (sequence, ops.flip(sequence, axis=3)):
            for turns in range(4):
                turned = ops.rot90(flipped, turns, axes=(2, 3))
                restored = ops.rot90(
                    model({"frames": turned})["restored"], -turns, axes=(1, 2)
                )
                mirrored = flipped is not sequence
                total += ops.flip(restored, axis=2) if mirrored else restored
                count += 1
    return {"restored": total / count}


def _head(convolution, width, filters, head_convs):
    """Frame in 0..255 -> its features and, for OFF, its reduced features."""
    frame = keras.Input((None, None, CHANNELS), name="frame")
    x = layers.Rescaling(1 / 255, name="rescale")(frame)
    for index in range(1, head_convs + 1):
        x = convolution(width, f"head_{index}")(x)
    # Linear: the derivation of OFF takes gradients of features as they are.
    reduced = convolution(filters, "reduce", kernel_size=1, activation=None)(x)
    return keras.Model(
        {"frame": frame}, {"features": x, "reduced": reduced}, name="head"
    )


def _tail(
    convolution,
    num_frames,
    *,
    width,
    filters,
    refine_convs,
    tail_convs,
    operator,
    initialization,
):
    """Target frame, its features, everyone's reduced features -> restored frame."""
    frame = keras.Input((None, None, CHANNELS), name="frame")
    features = keras.Input((None, None, width), name="features")
    reduced = [
        keras.Input((None, None, filters), name=f"reduced_{index}")
        for index in range(num_frames)
    ]

    # === OFF: equation 14 ===
    # T times (B, H, W, filters) -> (B, T, H, W, filters) -> (B, H, W, (T+1)*filters)
    motion = Gradients(operator=operator, target=target_index(num_frames), name="off")(
        ops.stack(reduced, axis=1)
    )

    # === Refinement, added back to the features ===
    x = layers.Concatenate(name="mixture")([motion, features])
    for index in range(1, refine_convs + 1):
        x = convolution(width, f"refine_{index}")(x)
    x = layers.Add(name="add_back")([x, features])

    # === Reconstruction ===
    for index in range(1, tail_convs):
        x = convolution(width, f"tail_{index}")(x)
    restored = _subtract_artifacts(frame, x, initialization)
    inputs = {"frame": frame, "features": features}
    inputs |= {f"reduced_{index}": tensor for index, tensor in enumerate(reduced)}
    return keras.Model(inputs, {"restored": restored}, name="tail")


def _convolution(initialization):
    """The constructor of a hidden convolution."""
    initializers = {"he": "he_normal", "xavier": "glorot_uniform"}
    if initialization not in initializers:
        raise ValueError(
            f"`initialization` must be one of {sorted(initializers)}. "
            f"Received: {initialization!r}."
        )

    def convolution(filters, name, *, kernel_size=3, activation="relu"):
        return layers.Conv2D(
            filters,
            kernel_size,
            padding="same",
            activation=activation,
            kernel_initializer=initializers[initialization],
            name=name,
        )

    return convolution


def _subtract_artifacts(frame, x, initialization):
    """The last convolution, linear, and the identity mapping around the network."""
    artifacts = layers.Conv2D(
        CHANNELS,
        3,
        padding="same",
        kernel_initializer="zeros" if initialization == "he" else "glorot_uniform",
        name="artifacts",
    )(x)
    # In float32: half precision has no room for a fraction next to 255.
    artifacts = layers.Rescaling(255, dtype="float32", name="artifacts_0_255")(
        artifacts
    )
    return layers.Subtract(dtype="float32", name="restored")([frame, artifacts])


def _check_at_least(name, value, least):
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}. Received: {value}.")
