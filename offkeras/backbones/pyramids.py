"""Pyramids of networks of keras.applications, keras-cv and keras-hub."""

import importlib
from pathlib import Path

import keras
from keras import layers

LIBRARIES = ("keras_cv", "keras_hub")
STRIDES = (8, 16, 32)
# How the networks of keras.applications want their images, from R, G, B in 0..255.
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = {
    "caffe": ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"),
    "torch": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "tf": ("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2", "Xception")
    + ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
}


def is_name(name):
    """Whether a name is of `keras.applications`, or a preset of another library."""
    library, colon, preset = str(name).partition(":")
    if colon:
        return library in LIBRARIES and not preset.startswith("//")
    return library[:1].isupper() and hasattr(keras.applications, library)


def pyramid(name, *, known, weights, input_shape):
    """A network of another library as a backbone.

    Args:
        name: a name of `keras.applications`, `keras_cv:<preset>` or
            `keras_hub:<preset>`.
        known: names of the table, for the error.
        weights: `None`, `"imagenet"` or a path.
        input_shape: `(height, width, 3)`, both known.

    Returns:
        A `keras.Model` from images in 0..255 to `stride_8`, `stride_16`,
        `stride_32`.

    Raises:
        ValueError: if there is no such network, or it lacks a map of a stride.
    """
    library, _, preset = name.partition(":")
    if not is_name(name):
        raise ValueError(
            f"Expected a backbone: {', '.join(known)}, a name of keras.applications, "
            f"keras_cv:<preset> or keras_hub:<preset>. Received: {name!r}."
        )
    if None in input_shape:
        raise ValueError(
            f"Expected input_shape of a known size for {name!r}. "
            f"Received: {input_shape}."
        )
    if preset:
        maps, images = _preset_maps(library, preset, weights, input_shape)
    else:
        maps, images = _application_maps(name, weights, input_shape)
    missing = [stride for stride in STRIDES if _name(stride) not in maps]
    if missing:
        raise ValueError(
            f"{name} has no maps of stride {missing}; OFF needs {STRIDES}."
        )
    outputs = {_name(stride): maps[_name(stride)] for stride in STRIDES}
    # A preset may be a folder, and no name of a model holds a slash.
    name = "_".join(filter(None, (library, Path(preset).name)))
    return keras.Model(images, outputs, name=name.lower())


def _name(stride):
    """A text: a saved model has no other keys."""
    return f"stride_{stride}"


def _application_maps(name, weights, input_shape):
    images = keras.Input(input_shape, name="images")
    stock = _loaded(
        lambda: getattr(keras.applications, name)(
            include_top=False, weights=weights, input_shape=input_shape
        ),
        name,
        weights,
    )
    maps = {}
    for layer in stock.layers:
        shape = getattr(layer.output, "shape", ())
        if len(shape) != 4:
            continue
        for stride in STRIDES:
            if tuple(shape[1:3]) == tuple(-(-n // stride) for n in input_shape[:2]):
                maps[_name(stride)] = layer.output  # the last one stays
    trunk = keras.Model(stock.input, maps, name="trunk")
    return trunk(_preprocess(name, images)), images


def _preprocess(name, images):
    """What `preprocess_input` of the network does, inside the graph."""
    if name in PREPROCESSING["caffe"]:
        x = keras.ops.flip(images, axis=-1)  # RGB -> BGR
        offset = [-mean for mean in CAFFE_MEAN_BGR]
        return layers.Rescaling(1.0, offset, name="preprocess")(x)
    if name in PREPROCESSING["torch"]:
        scale = [1 / (255 * std) for std in TORCH_STD]
        offset = [-m / s for m, s in zip(TORCH_MEAN, TORCH_STD, strict=True)]
        return layers.Rescaling(scale, offset, name="preprocess")(images)
    if name in PREPROCESSING["tf"] or name.startswith("NASNet"):
        return layers.Rescaling(1 / 127.5, -1.0, name="preprocess")(images)
    return images  # EfficientNet, MobileNetV3, ConvNeXt: theirs is in the network


def _preset_maps(library, preset, weights, input_shape):
    try:
        module = importlib.import_module(library)
    except ImportError as error:
        raise ImportError(
            f"{library}:{preset} needs {library}: pip install "
            f"{library.replace('_', '-')}."
        ) from error
    network = _loaded(
        lambda: module.models.Backbone.from_preset(
            preset, load_weights=weights is not None
        ),
        f"{library}:{preset}",
        weights,
    )
    levels = getattr(network, "pyramid_outputs", None)
    if levels is None:
        levels = {
            level: network.get_layer(layer).output
            for level, layer in network.pyramid_level_inputs.items()
        }
    # Level n has stride 2^n.
    maps = {_name(2 ** int(level[1:])): output for level, output in levels.items()}
    images = keras.Input(input_shape, name="images")
    trunk = keras.Model(network.input, maps, name="trunk")
    return trunk(_convert(module, preset, images)), images


def _convert(module, preset, images):
    """What the preset does to its images; keras-cv does it in the network."""
    if not hasattr(module.layers, "ImageConverter"):
        return images
    try:
        converter = module.layers.ImageConverter.from_preset(preset)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"{preset} does not say how it wants its images: expected "
            "image_converter.json or preprocessor.json beside its weights, as "
            "save_to_preset of a preprocessor or task writes them."
        ) from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return layers.Rescaling(scale, offset, name="preprocess")(images)


def _loaded(build, name, weights):
    """The network, or a sentence on weights that could not be had."""
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise ValueError(
            "Expected weights to be None, 'imagenet' or the path of an existing file. "
            f"Received: {weights!r}."
        )
    try:
        return build()
    except (ImportError, ValueError):
        raise
    except Exception as error:  # of many types: no network, no file at the address
        raise OSError(
            f"The weights of {name} could not be fetched: "
            f"{' '.join(str(error).split()):.200}. Without a network, give weights= "
            "the path of a file that was fetched elsewhere, or put it into "
            "~/.keras/models."
        ) from error
