"""Private names of other libraries: the code says why, and each is still there.

A test here that fails names what is gone and the module that needs it.
"""

import ast
import importlib
import importlib.util
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from offkeras.models import loading

ROOT = Path(__file__).parents[1]
DEVICES = "offkeras.training.replicas.devices"
# A module of ours, and the module and attributes of the name that it uses.
USED = (
    (
        "offkeras.export.litert_converter",
        "tensorflow.lite.python.convert",
        "mlir_quantize",
    ),
    (
        "benchmarks.support.timing",
        "tensorflow.python.framework.convert_to_constants",
        "convert_variables_to_constants_v2",
    ),
    (DEVICES, "keras", "optimizers.Optimizer._all_reduce_sum_gradients"),
    (DEVICES, "keras", "Model._symbolic_build"),
    (DEVICES, "keras", "Model._maybe_symbolic_build"),
    ("offkeras.training.resume", "keras", "Layer._flatten_layers"),
    ("offkeras.training.replicas.machines", "atexit", "_run_exitfuncs"),
    ("offkeras.storage.remote", "atexit", "_run_exitfuncs"),
)
PUBLIC = {"_asdict", "_exit", "_replace"}  # documented, of `os` and of named tuples


def path_of(module):
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@pytest.mark.parametrize(("user", "module", "attributes"), USED)
def test_the_name_is_there(user, module, attributes):
    found = importlib.import_module(module)
    for attribute in attributes.split("."):
        assert hasattr(found, attribute), f"{module} has no {attributes}: see {user}"
        found = getattr(found, attribute)
    assert attribute in path_of(user).read_text(), f"{user} needs it no more"


def test_a_compiled_model_has_its_losses():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    assert model._compile_loss.metrics == [], f"see {DEVICES}"


def test_tensorrt_says_what_is_loaded():
    """Where TensorFlow has TF-TRT at all."""
    name = "tensorflow.compiler.tf2tensorrt._pywrap_py_utils"
    if hasattr(tf.experimental, "tensorrt"):
        assert importlib.util.find_spec(name), "see offkeras.export.to_tensorrt"


@pytest.mark.parametrize("module", loading.MODULES)
def test_classes_in_files_come_from_modules_that_there_are(module):
    importlib.import_module(module)


def is_private(module):
    """Whether a module is none of the public ones of TensorFlow and Keras."""
    return module.startswith(
        ("tensorflow.python", "tensorflow.lite", "tensorflow.compiler", "keras.src")
    )


def private_names(tree):
    """Yields private modules that are imported, and private attributes of others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_private(node.module or ""):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if is_private(a.name))
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            own = isinstance(owner, ast.Name) and owner.id in ("self", "cls", "super")
            if not own and not node.attr.endswith("__") and node.attr not in PUBLIC:
                yield node.attr


def test_there_are_no_others():
    known = {(path_of(user), f"{module}.{name}") for user, module, name in USED}
    unlisted = [
        (str(path), name)
        for tree in ("offkeras", "training", "benchmarks")
        for path in sorted((ROOT / tree).rglob("*.py"))
        for name in private_names(ast.parse(path.read_text()))
        if not any(path == user and used.endswith(name) for user, used in known)
    ]
    assert unlisted == []
