"""The wheel, outside of the checkout: what a stranger installs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import numpy as np
import pytest

from offkeras.data import sample_video, write_video

ROOT = Path(__file__).parents[2]


def test_every_package_is_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "offkeras").rglob("__init__.py")
    }
    assert listed == packages | {"offkeras.savedmodels"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # the build leaves files where it is run
    ignored = shutil.ignore_patterns(".*", "build", "runs", "site", "tests", "docs")
    shutil.copytree(ROOT, source, ignore=ignored)
    wheel = ["-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source)]
    subprocess.run([sys.executable, *wheel], check=True)
    shutil.rmtree(source)
    (path,) = folder.glob("offkeras-*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    install = ["-m", "pip", "install", "-q", "--no-deps", str(path)]
    subprocess.run([python, *install], check=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # Only the folder itself: a .pth file there would lead back to the checkout.
    Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(installed, cwd, *command):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [str(installed / "venv" / "bin" / command[0]), *command[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_the_wheel_works_outside_of_the_checkout(installed, tmp_path):
    code = "import offkeras.data, offkeras; print(offkeras.__file__)"
    assert str(installed) in run(installed, tmp_path, "python", "-c", code)
    for name in ("classify", "detect"):
        options = ("--json", f"{name}.jsonl")
        video = str(sample_video("carphone_pristine.mp4"))
        run(installed, tmp_path, "offkeras", name, video, *options)
        assert (tmp_path / f"{name}.jsonl").read_text().count("\n") > 5
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "videos" / label).mkdir(parents=True)
        for number in range(3):
            frames = rng.integers(0, 256, (8, 48, 64, 3), np.uint8)
            write_video(tmp_path / "videos" / label / f"{number}.mp4", frames, fps=25)
    short = str(tmp_path / "videos" / "a" / "0.mp4")
    restore = ("restore", short, "--model", "mpeg4_low", "--output", "new.mp4")
    run(installed, tmp_path, "offkeras", *restore)
    assert (tmp_path / "new.mp4").stat().st_size > 100
    train = ("train", "actions", "--data", "videos", "--output", "runs/mine")
    small = "--width 0.05 --size 32 --num-segments 2 --test-segments 2 --batch-size 2"
    short = "--appearance-epochs 1 --off-epochs 1 --appearance-segments 2"
    run(installed, tmp_path, "offkeras", *train, *small.split(), *short.split())
    assert (tmp_path / "runs" / "mine" / "recognizer.keras").is_file()
    assert (tmp_path / "savedmodels" / "mine" / "1").is_dir()
    folder = "--size 64 --segments 2 --total-segments 2 --views 1 --epochs 1"
    train = ("train", "videos", "--output", "runs/folder", *folder.split())
    run(installed, tmp_path, "offkeras", *train)  # with the weights of the wheel
    classify = ("classify", "videos/a/0.mp4", "--model", "runs/folder")
    run(installed, tmp_path, "offkeras", *classify, "--json", "folder.jsonl")
    assert (tmp_path / "folder.jsonl").read_text().count("\n") >= 1
