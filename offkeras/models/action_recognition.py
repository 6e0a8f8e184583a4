"""Action recognition: temporal segment networks with and without OFF.

frames (B, T, H, W, C)
  │ fold
backbone ──────────────────────────────┬───────────▶ appearance
  │ 28x28            │ 14x14           │ 7x7
 OFF 1             OFF 2             OFF 3
  │ refine 1 ──────▶ + refine 2 ─────▶ + refine 3
  ▼                  ▼                 ▼
off_1              off_2             off_3
"""

import functools

import keras
from keras import layers

from offkeras import backbones, modalities
from offkeras.layers import OFF, FoldTime, SegmentConsensus, UnfoldTime
from offkeras.models import motion as motions
from offkeras.models import refinement

# A string, so that every classifier makes an instance of its own.
TSN_INITIALIZER = {"class_name": "RandomNormal", "config": {"stddev": 0.001}}


def TSN(
    num_classes,
    *,
    num_segments=3,
    modality="rgb",
    backbone=None,
    dropout=0.8,
    name="tsn",
):
    """Temporal segment network: the appearance stream alone.

    Args:
        num_classes: number of actions.
        num_segments: segments of a clip; `None` leaves it open.
        modality: `"rgb"`, `"rgb_diff"` or `"flow"`, with 3, 15 or 10 channels
            per segment. It chooses the default backbone.
        backbone: a model from images to a dict of features of which the last
            entry feeds the classifier. Default: `backbones.BNInception` at
            224x224.
        dropout: dropout rate before the classifier.
        name: name of the model.

    Returns:
        A `keras.Model` from `{"frames": (batch, segments, height, width,
        channels)}` in 0..255 to `{"appearance": (batch, num_classes)}` logits.

    Example:

    >>> model = TSN(num_classes=101, num_segments=3)
    >>> model({"frames": np.zeros((1, 3, 224, 224, 3))})["appearance"].shape
    (1, 101)
    """
    backbone = backbone or _default_backbone(modality)
    _check_backbone(backbone, modality)
    frames = keras.Input((num_segments, *backbone.input_shape[1:]), name="frames")
    features = backbone(FoldTime(name="fold")(frames))
    appearance = _appearance(features, frames, num_classes, dropout)
    return keras.Model({"frames": frames}, {"appearance": appearance}, name=name)


def OFFActionRecognizer(
    num_classes,
    *,
    num_segments=7,
    modality="rgb",
    variant="paper",
    motion="off",
    backbone=None,
    levels=None,
    filters=128,
    refinement_filters=None,
    operator="prewitt",
    spatial=True,
    temporal=True,
    dropout=0.8,
    spatial_dropout=0.8,
    name="off_action_recognizer",
):
    """Temporal segment network with three OFF levels.

    T segments give T - 1 OFFs per level. Every level refines its OFF together
    with the refined map of the level before, and has a classifier of its own;
    the scores of all segments are averaged (equation 8).

    Args:
        num_classes: number of actions.
        num_segments: segments of a clip, two or more; `None` leaves it open,
            so that one model trains on 7 and is tested on 25.
        modality: `"rgb"`, `"rgb_diff"` or `"flow"`, see `TSN`.
        variant: `"paper"` follows sections 3-4 (one OFF per level over the
            concatenated features, ResNet-20 for refinement); `"released"`
            follows the graphs the authors released (one OFF per tapped layer,
            separate reductions for space and time, the former for RGB only,
            bottleneck blocks).
        motion: what shows the refinement motion: `"off"`, or in its place, on the
            features as they are, `"tea"` (`layers.MotionExcitation`), `"tdn"`
            (`layers.LongTermDifference`) or `"motion_squeeze"`
            (`layers.MotionSqueeze`). T segments give T - 1 maps of each.
        backbone: a model from images to a dict of features. Default:
            `backbones.BNInception` at 224x224.
        levels: names of the backbone's features by resolution, fine to coarse;
            each level has half the resolution of the one before. Default: those of
            the table of backbones, or all three of a backbone with three.
        filters: channels of the reduced features of OFF with `variant="paper"`.
        refinement_filters: three numbers, the channels of its residual blocks by
            level. Default: 64, 96 and 128.
        operator: spatial operator of `variant="paper"`, see
            `layers.SpatialGradient`. The released graphs use `"cross"`.
        spatial: `False` removes the spatial gradients (the paper's OFF_T).
        temporal: `False` removes the temporal gradient (the paper's OFF_S).
            Without both the network is the hypercolumn network of Table 4: the
            backbone's features go into the refinement as they are.
        dropout: dropout rate before every classifier.
        spatial_dropout: dropout rate of the spatial gradients (section 5.1).
        name: name of the model.

    Returns:
        A `keras.Model` from `{"frames": (batch, segments, height, width,
        channels)}` in 0..255 to `{"appearance", "off_1", "off_2", "off_3"}`,
        each `(batch, num_classes)` logits.

    Raises:
        ValueError: if an argument is outside the values above, or the backbone
            lacks a feature named in `levels`.

    Example:

    >>> model = OFFActionRecognizer(num_classes=101, num_segments=7)
    >>> model.compile("sgd", loss={
    ...     key: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ...     for key in ("off_1", "off_2", "off_3")
    ... })
    """
    if variant not in ("paper", "released"):
        raise ValueError(
            f"`variant` must be 'paper' or 'released'. Received: {variant!r}."
        )
    motions.check(motion, variant=variant, spatial=spatial, temporal=temporal)
    if num_segments is not None and num_segments < 2:
        raise ValueError(
            "`num_segments` must be at least 2: OFF is taken between segments. "
            f"Received: {num_segments}."
        )
    if variant == "released" and modality != "rgb" and not temporal and spatial:
        raise ValueError(
            "variant='released' has spatial gradients for RGB only, so without the "
            f"temporal part nothing is left. Received: modality={modality!r}."
        )
    if refinement_filters is not None and (
        variant == "released" or len(refinement_filters) != 3
    ):
        raise ValueError(
            "`refinement_filters` must be three numbers, of variant='paper'. "
            f"Received: {refinement_filters} with variant={variant!r}."
        )
    backbone = backbone or _default_backbone(modality)
    _check_backbone(backbone, modality)
    levels = levels or backbones.levels_of(backbone)
    _check_levels(backbone, levels)

    # === Feature generation ===
    frames = keras.Input((num_segments, *backbone.input_shape[1:]), name="frames")
    features = backbone(FoldTime(name="fold")(frames))
    outputs = {"appearance": _appearance(features, frames, num_classes, dropout)}

    # === OFF and refinement, level by level ===
    if variant == "paper":
        widths = refinement_filters or refinement.PAPER_FILTERS
        refine = functools.partial(refinement.paper, filters=widths)
        initializer = "glorot_uniform"
    else:
        refine, initializer = refinement.released, TSN_INITIALIZER
    refined = None
    for level, taps in enumerate(levels, start=1):
        maps = [features[tap] for tap in taps]
        if not (spatial or temporal):
            sequence = _unfold_joined(maps, frames, f"hypercolumn_{level}")
        elif motion != motions.OFF_ITSELF:
            layer = motions.MOTION_LAYERS[motion]
            sequence = layer(keep_last=False, name=f"{motion}_layer_{level}")(
                _unfold_joined(maps, frames, f"features_{level}")
            )
        elif variant == "paper":
            sequence = OFF(
                filters,
                operator=operator,
                spatial=spatial,
                temporal=temporal,
                spatial_dropout=spatial_dropout,
                name=f"off_layer_{level}",
            )(_unfold_joined(maps, frames, f"features_{level}"))
        else:
            sequence = _released_off(
                [
                    UnfoldTime(name=f"unfold_{tap}")(features[tap], frames)
                    for tap in taps
                ],
                taps,
                # Flow and RGB-diff have no spatial stream in the released graphs.
                spatial=spatial and modality == "rgb",
                temporal=temporal,
                spatial_dropout=spatial_dropout,
                name=f"motion_{level}",
            )
        # (B, T-1, H, W, C) -> (B*(T-1), H, W, C)
        x = FoldTime(name=f"fold_{level}")(sequence)
        if refined is not None:
            x = layers.Concatenate(name=f"join_{level}")([x, refined])
        refined, pooled = refine(x, level)
        outputs[f"off_{level}"] = _scores(
            pooled, sequence, num_classes, dropout, f"off_{level}", initializer
        )

    # === Functional Model ===
    return keras.Model({"frames": frames}, outputs, name=name)


def _unfold_joined(maps, frames, name):
    """Maps of one resolution side by side: one sequence for one OFF layer."""
    x = maps[0] if len(maps) == 1 else layers.Concatenate(name=name)(maps)
    # (B*T, H, W, C) -> (B, T, H, W, C)
    return UnfoldTime(name=f"{name}_unfold")(x, frames)


def _released_off(sequences, taps, *, spatial, temporal, spatial_dropout, name):
    """One OFF a tapped layer, with a reduction of its own for each direction."""
    motions = []
    for sequence, tap in zip(sequences, taps, strict=True):
        if spatial:
            motions.append(
                OFF(
                    32,
                    operator="cross",
                    temporal=False,
                    activation=None,
                    spatial_dropout=spatial_dropout,
                    bias_initializer=refinement.RELEASED_BIAS,
                    name=f"motion_spatial_{tap}",
                )(sequence)
            )
        if temporal:
            motions.append(
                OFF(
                    128,
                    spatial=False,
                    bias_initializer=refinement.RELEASED_BIAS,
                    name=f"motion_temporal_{tap}",
                )(sequence)
            )
    return layers.Concatenate(name=name)(motions)


def _appearance(features, frames, num_classes, dropout):
    """The backbone's own classifier, on the last of its features."""
    *_, last = features.values()
    pooled = layers.GlobalAveragePooling2D(name="appearance_pool")(last)
    return _scores(pooled, frames, num_classes, dropout, "appearance", TSN_INITIALIZER)


def _scores(pooled, sequence, num_classes, dropout, name, initializer):
    """Scores of every segment, then their consensus."""
    x = layers.Dropout(dropout, name=f"{name}_dropout")(pooled)
    x = layers.Dense(
        num_classes,
        kernel_initializer=initializer,
        dtype="float32",
        name=f"{name}_logits",
    )(x)
    # (B*T, classes) -> (B, T, classes) -> (B, classes)
    x = UnfoldTime(dtype="float32", name=f"{name}_unfold")(x, sequence)
    return SegmentConsensus(dtype="float32", name=name)(x)


def _default_backbone(modality):
    kind = modalities.find(modality)
    shape = (224, 224, kind.channels)
    return backbones.create("bn_inception", input_shape=shape, modality=modality)


def _check_backbone(backbone, modality):
    expected = modalities.find(modality).channels
    _, *_, channels = backbone.input_shape
    if channels != expected:
        raise ValueError(
            f"Expected a backbone for the {expected} channels of modality="
            f"{modality!r}. Received: a backbone for {channels} channels."
        )


def _check_levels(backbone, levels):
    names = [tap for taps in levels for tap in taps]
    missing = [tap for tap in names if tap not in backbone.output]
    if len(levels) != 3 or missing:
        raise ValueError(
            "`levels` must hold three tuples of names of the backbone's features "
            f"({', '.join(backbone.output)}). Received: levels={levels}."
        )
    sizes = [
        {tuple(backbone.output[tap].shape[1:3]) for tap in taps} for taps in levels
    ]
    if any(len(same) > 1 for same in sizes):
        raise ValueError(
            "The features of one level must have one resolution. "
            f"Received: levels={levels} of resolutions {sizes}."
        )
    sizes = [same.pop() for same in sizes]
    for fine, coarse in zip(sizes, sizes[1:], strict=False):
        if None not in fine and coarse != tuple(-(-size // 2) for size in fine):
            raise ValueError(
                "Each level must have half the resolution of the one before, "
                f"rounded up. Received: levels={levels} of resolutions {sizes}."
            )
