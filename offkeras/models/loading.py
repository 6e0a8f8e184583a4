"""Loading a model file that may come from anyone."""

import io
import json
import zipfile
from pathlib import Path

import keras

from offkeras.models.task import check_finite

MAX_BYTES = 2**32
MAX_CONFIG = 2**26  # bytes; that of BN-Inception with OFF has one million
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}

# Where the classes of a model may come from. Nothing there runs code of the file,
# reads another file or fetches one, but for the layers below. Keras writes its private
# modules into the file where a class has no public one.
MODULES = (
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.src.models.functional",
    "keras.src.models.sequential",
    "keras.src.ops.core",
    "keras.src.ops.image",
    "keras.src.ops.linalg",
    "keras.src.ops.math",
    "keras.src.ops.nn",
    "keras.src.ops.numpy",
)
REFUSED = (
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
)
VALUES = ("__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__")


def load_model(path, *, max_bytes=MAX_BYTES):
    """Loads a `.keras` file, for inference, without trusting it.

    Before Keras sees the file, its declared sizes, its checksums and the classes
    it names are checked: Keras's layers and those of this library. Keras itself
    refuses code (`safe_mode`).

    Args:
        path: the `.keras` file.
        max_bytes: largest file to accept, once unpacked.

    Returns:
        The model, not compiled.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if the file is damaged, too large, names another class than
            those above, holds anything but the weights of its model, or one of them is
            no finite number.

    Example:

    ```python
    recognizer = models.load_model("recognizer.keras")
    ```
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is no file.")
    try:
        _check_archive(path, max_bytes)
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        check_finite(model)
        return model
    except Exception as error:  # of many types: the file may hold anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} is no model to load: {reason:.300}") from error


def _check_archive(path, max_bytes):
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if sorted(names) != sorted(MEMBERS):
            raise ValueError(f"expected the parts {sorted(MEMBERS)}, got {names[:9]}.")
        size = sum(member.file_size for member in members)
        if size > max_bytes:
            raise ValueError(f"unpacked it has {size} bytes, more than {max_bytes}.")
        if archive.getinfo("config.json").file_size > MAX_CONFIG:
            raise ValueError(f"config.json has more than {MAX_CONFIG} bytes.")
        # Reading a part whole compares its checksum. Keras would go on without.
        contents = {name: archive.read(name) for name in names}
    check_classes(json.loads(contents["config.json"]))
    check_weights(contents["model.weights.h5"])


def check_classes(config):
    """Refuses a class that is neither Keras's nor this library's."""
    if not isinstance(config, dict):
        raise ValueError("config.json holds no model.")
    config = {k: v for k, v in config.items() if k != "compile_config"}  # never read
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "class_name" in node:
                _check_class(node)
            node = list(node.values())
        if isinstance(node, list):
            waiting += [child for child in node if isinstance(child, (dict, list))]


def _check_class(node):
    name, module = str(node["class_name"]), node.get("module")
    registered = node.get("registered_name")
    if module is None:
        known = name in VALUES
    elif str(module).startswith("offkeras."):
        known = registered == f"offkeras>{name}"
    elif module == "keras":
        known = name == "DTypePolicy"
    else:
        known = module in MODULES and name not in REFUSED and name.isalnum()
        known &= registered in (None, name)
    if not known:
        raise ValueError(
            f"it names {name:.80} of {str(module):.80}, which is neither a layer "
            "of Keras that holds no code nor one of offkeras."
        )


def check_weights(data):
    """Refuses links, and arrays of which the file holds but the size."""
    import h5py

    with h5py.File(io.BytesIO(data), "r") as file:
        waiting, seen = [file], set()
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"its weights hold a link, {name:.80}.")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise ValueError(f"its weights hold {name:.80} twice.")
                seen.add(address)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    _check_array(name, item)


def _check_array(name, array):
    stored = array.id.get_storage_size()
    if array.external or array.is_virtual or stored < array.nbytes:
        raise ValueError(
            f"its weights hold {name:.80} of {array.nbytes} bytes, of which {stored} "
            "are in the file."
        )
