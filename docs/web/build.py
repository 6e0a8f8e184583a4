"""Writes the live page: one folder of static files, with its runtime and its models.

`make web` calls it, after npm has brought the runtime.
"""

import argparse
import json
import shutil
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME = HERE / "node_modules" / "@litertjs"
SOURCES = ("*.html", "*.css", "*.js", "*.svg")
SIZE = (144, 176)  # of what a restorer sees
MODELS = ("moving_camera", "camera_motion", "moving_objects", "mpeg4_low")
# What the page is told of a model, beside its file.
SETTINGS = ("segments", "interval", "min_score")


def copy_page(out):
    """Copies the sources."""
    for pattern in SOURCES:
        for path in HERE.glob(pattern):
            shutil.copy(path, out)


def copy_runtime(out):
    """Copies the runtime, whose one bare import becomes a file beside it."""
    if not RUNTIME.is_dir():
        raise SystemExit(
            f"Expected the runtime in {RUNTIME}: run npm ci in {HERE}, or make web."
        )
    wasm = out / "wasm"
    shutil.copytree(RUNTIME / "core" / "wasm", wasm, dirs_exist_ok=True)
    for path in wasm.iterdir():
        path.chmod(0o644)  # the package has some that a server could not read
    utils = (RUNTIME / "wasm-utils" / "dist" / "index.js").read_text("utf-8")
    (out / "wasm-utils.js").write_text(_without_map(utils), "utf-8")
    core = (RUNTIME / "core" / "dist" / "index.js").read_text("utf-8")
    core = core.replace('from "@litertjs/wasm-utils"', 'from "./wasm-utils.js"')
    (out / "index.js").write_text(_without_map(core), "utf-8")


def _without_map(script):
    """Without the address of its source map, which is not copied."""
    return script.partition("//# sourceMappingURL=")[0]


def write_model(name, out):
    """Exports a model, unless its file is newer. Returns its entry of models.json."""
    from offkeras import export, inference

    trained = inference.trained_model(name)
    path = out / f"{Path(name).name}.tflite"
    if not path.exists() or path.stat().st_mtime < trained.path.stat().st_mtime:
        model = trained.load()
        segments, *size, _ = model.input["frames"].shape[1:]
        export.litert(
            model,
            path,
            # Half the size for a visitor to wait for; the others are small already.
            quantize="float16" if trained.kind == "recognizer" else "float32",
            num_segments=segments or trained.defaults.get("segments", 2),
            size=None if all(size) else trained.defaults.get("size", SIZE),
            class_names=trained.class_names,
        )
    settings = {k: trained.defaults[k] for k in SETTINGS if k in trained.defaults}
    return {"name": path.stem, "file": f"models/{path.name}", **settings}


def main(argv=None):
    """Reads the command line and writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names or folders")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args(argv)
    for folder in ("runtime", "models"):
        (arguments.out / folder).mkdir(parents=True, exist_ok=True)
    copy_page(arguments.out)
    copy_runtime(arguments.out / "runtime")
    entries = [write_model(name, arguments.out / "models") for name in arguments.models]
    text = json.dumps(entries, indent=2) + "\n"
    (arguments.out / "models.json").write_text(text, "utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
