"""The house as the design draws it: rooms, and which of them may know which."""

import ast
import collections
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = ("offkeras", "training", "benchmarks", "tests")
MOST_MODULES = 12

# What a room of offkeras may import beside itself and the modalities.
NETWORKS = {"models", "backbones", "layers"}
FILES = {"video", "storage"}
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {"commands", "storage"},
    "commands": {"training", "tasks", "export", "inference", "presets", "data"}
    | {"metrics", "models", "weights"}
    | FILES,
    "training": {"tasks", "export", "inference", "presets", "data", "metrics"}
    | {"weights"}
    | NETWORKS
    | FILES,
    "tasks": {"inference", "presets", "metrics"} | NETWORKS,
    "export": {"inference", "data", "models", "layers"} | FILES,
    "inference": {"presets", "data", "metrics", "models", "layers", "weights"} | FILES,
    "presets": {"storage"} | NETWORKS,
    "models": {"backbones", "layers"},
    "backbones": {"layers", "weights"},
    "data": FILES,
    "video": {"storage"},
    "weights": {"storage"},
    "layers": set(),
    "metrics": set(),
    "storage": set(),
    "modalities": set(),
}
# The other trees, and whole packages that a room never imports.
TREES_MAY_IMPORT = {
    "offkeras": {"offkeras"},
    "training": {"offkeras", "training"},
    "benchmarks": {"offkeras", "benchmarks"},
    "tests": set(TREES),
}
NEVER = {
    **dict.fromkeys(NETWORKS, {"tensorflow"}),
    "video": {"tensorflow", "keras"},
}
# Imported where they are used, and not at the top of what many import.
HEAVY = ("tensorflow", "keras", "tensorflow_io", "keras_cv", "av", "cv2")


def read_modules():
    """Every module of the project: dict of its dotted name to its path."""
    modules = {}
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            modules[".".join(parts).removesuffix(".__init__")] = path
    return modules


MODULES = read_modules()
SYNTAX = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def package_of(name):
    """The package that a module, or a name of a module, belongs to."""
    while name not in MODULES:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return name
    return name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]


def imports(name):
    """Yields the dotted name of all that a module imports, and its name there."""
    for node in ast.walk(SYNTAX[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield (alias.name if alias.asname else bound), bound
                yield alias.name, bound
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = package_of(name).split(".")
                parts = parts[: len(parts) - node.level + 1]
                origin = ".".join([*parts, *([origin] if origin else [])])
            for alias in node.names:
                yield f"{origin}.{alias.name}", alias.asname or alias.name


def room(name):
    """The room of offkeras that a dotted name is in, "" for offkeras itself."""
    parts = name.split(".")
    return parts[1] if parts[0] == "offkeras" and len(parts) > 1 else ""


def in_project(name):
    return name.partition(".")[0] in TREES


def test_the_walk_finds_the_house():
    """All that follows would pass on an empty folder."""
    count = collections.Counter(name.partition(".")[0] for name in MODULES)
    assert count["offkeras"] > 100 and count["tests"] > 100
    assert count["training"] >= 9 and count["benchmarks"] >= 18
    arrows = {
        (room(name), room(other)) for name in MODULES for other, _ in imports(name)
    }
    for arrow in (
        ("cli", "commands"),
        ("commands", "inference"),
        ("training", "models"),
        ("models", "layers"),
        ("data", "video"),
    ):
        assert arrow in arrows


def test_every_room_is_on_the_map():
    rooms = {room(name) for name in MODULES if name.startswith("offkeras.")}
    assert rooms - MAY_IMPORT.keys() == set()


def test_the_map_has_no_circle():
    order = list(graphlib.TopologicalSorter(MAY_IMPORT).static_order())
    assert order[-2:] == ["cli", "__main__"]


def test_imports_point_one_way():
    wrong = []
    for name in MODULES:
        tree = name.partition(".")[0]
        for other, _ in imports(name):
            if not in_project(other):
                continue
            if other.partition(".")[0] not in TREES_MAY_IMPORT[tree]:
                wrong.append(f"{name} imports {other}")
            here, there = room(name), room(other)
            if tree != "offkeras" or here == there or here == "" or there == "":
                continue
            if there in MAY_IMPORT and there not in MAY_IMPORT[here] | {"modalities"}:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_rooms_that_know_no_tensorflow():
    wrong = [
        f"{name} imports {other}"
        for name in MODULES
        for other, _ in imports(name)
        if other.partition(".")[0] in NEVER.get(room(name), ())
    ]
    assert wrong == []


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def private_names(name):
    """Yields what a module uses of another package that is private there."""

    def foreign(other):
        """Whether a name is of the project, and not of this package or around it."""
        owner = package_of(other)
        return in_project(other) and not f"{name}.".startswith(f"{owner}.")

    bound = {}
    for other, here in imports(name):
        bound.setdefault(here, other)
        if is_private(other.rpartition(".")[2]) and foreign(other):
            yield other
    for node in ast.walk(SYNTAX[name]):
        if not isinstance(node, ast.Attribute) or not is_private(node.attr):
            continue
        chain, value = [node.attr], node.value
        while isinstance(value, ast.Attribute):
            chain.insert(0, value.attr)
            value = value.value
        if isinstance(value, ast.Name) and value.id in bound:
            other = ".".join([bound[value.id], *chain])
            if foreign(other):
                yield other


def test_no_private_name_crosses_a_package():
    wrong = [
        f"{name} uses {other}"
        for name in MODULES
        if not name.startswith("tests.")
        for other in private_names(name)
    ]
    assert wrong == []


def test_no_module_is_private():
    assert [n for n in MODULES if is_private(n.rpartition(".")[2])] == []


def test_no_folder_is_crowded():
    count = collections.Counter(
        path.parent.relative_to(ROOT)
        for path in MODULES.values()
        if path.name not in ("__init__.py", "conftest.py")
    )
    assert {str(k): n for k, n in count.items() if n > MOST_MODULES} == {}


def is_text_without_encoding(call):
    """Whether a call opens a file as text and leaves the encoding to the locale."""
    function, arguments = call.func, [ast.unparse(node) for node in call.args]
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if isinstance(function, ast.Name) and function.id == "open":
        return "b" not in (arguments[1] if len(arguments) > 1 else "")
    if isinstance(function, ast.Attribute) and function.attr == "read_text":
        return not arguments
    if isinstance(function, ast.Attribute) and function.attr == "write_text":
        return len(arguments) < 2
    return False


def test_files_of_text_say_their_encoding():
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in SYNTAX.items()
        for node in ast.walk(tree)
        if not name.startswith("tests.")
        and isinstance(node, ast.Call)
        and is_text_without_encoding(node)
    ]
    assert wrong == []


def test_no_path_takes_the_root_for_the_current_folder():
    """`tests/...` in the code, but for its documentation, would be such a path."""
    wrong = []
    for name, tree in SYNTAX.items():
        documentation = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
                and re.match(rf"({'|'.join(TREES)}|docs|savedmodels)/\S*$", node.value)
            ):
                wrong.append(f"{name}: {node.value}")
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("offkeras", HEAVY),
        ("offkeras.data", HEAVY),
        ("offkeras.modalities", HEAVY),
        ("offkeras.video", ("tensorflow", "keras")),
    ],
)
def test_what_opens_cheaply(module, without, tmp_path):
    program = f"import sys, {module}; print(sorted(set({without}) & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert result.stdout == "[]\n", result.stderr
