"""The README, CONTRIBUTING and docs/: what stands in a block of code is run.

Blocks of Python run page by page, in one namespace (slow). Lines for a shell are parsed
by the parsers of their commands, and run (slow). A block that cannot run here says why
in a line before it, `<!-- not run: needs a GPU -->`; its lines are parsed all the same.
"""

import argparse
import dataclasses
import importlib
import importlib.util
import inspect
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import mock

import keras
import pytest

from offkeras import cli
from offkeras.data import read_frames, sample_video, write_video
from offkeras.inference import trained_model

ROOT = Path(__file__).parents[1]
PATHS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PATHS}
BLOCK = re.compile(
    r"(?:^ *<!-- not run: ([^\n]+) -->\n)?^ *```(\w*)\n(.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
# Programs of other people, which nothing here parses.
OTHERS = ("cp", "docker", "pip", "saved_model_cli")
# "5 frames a second": one divides by per.
DIVIDED = re.compile(
    r"\b(clips|core-hours|frames|kB|label|ms|pairs of frames|seconds) an? "
    r"(clip|core|epoch|frame|pair|second|video)\b"
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code: its page, its language, and why it is not run."""

    page: str
    language: str
    code: str
    not_run: str | None


BLOCKS = [
    Block(page, language, textwrap.dedent(code), reason or None)
    for page, text in PAGES.items()
    for reason, language, code in BLOCK.findall(text)
]


def blocks(language):
    return [block for block in BLOCKS if block.language == language]


def pages(language):
    """Names of the pages with blocks to run."""
    return sorted({b.page for b in blocks(language) if not b.not_run})


def marked(page):
    """The name of a page; exports take minutes, and have tests of their own."""
    marks = pytest.mark.exhaustive if page.endswith("deployment.md") else ()
    return pytest.param(page, marks=marks)


def lines(block):
    """The commands of a block for a shell."""
    for line in block.code.replace("\\\n", " ").splitlines():
        if shlex.split(line, comments=True):
            yield line


def words_of(line):
    """The words of each program that a line calls."""
    for part in line.split("&&"):
        yield shlex.split(part, comments=True)


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """A folder with what the pages speak of: videos, lists of them, trained models."""
    monkeypatch.chdir(tmp_path)
    frames = read_frames(sample_video("carphone_pristine.mp4"), range(32))[:, ::2, ::2]
    lists = {"train.txt": [], "test.txt": []}
    for label, name in enumerate(("pan_left", "zoom_in")):
        for number in range(4):
            video = Path("my_videos", name, f"{number}.mp4")
            video.parent.mkdir(parents=True, exist_ok=True)
            start = 4 * label + number
            write_video(video, frames[start : start + 24], fps=25)
            line = f"{name}/{video.name} {label}\n"
            lists["test.txt" if number == 3 else "train.txt"].append(line)
    for name, content in lists.items():
        Path(name).write_text("".join(content))
    shutil.copytree("my_videos", "videos")
    for name in ("a.mp4", "b.mp4", "clip.mp4", "old.avi"):
        write_video(name, frames, fps=25)
    write_video("new_video.mp4", [*frames, *frames[::-1], *frames], fps=25)
    # Half as large as it is: restoring takes a second per frame.
    bikes = read_frames(sample_video("bikes.mp4"), range(205))[:, ::2, ::2]
    write_video("bikes.mp4", bikes, fps=25)
    for run, model in (
        ("mine", "camera_motion"),
        ("moving_objects_detector", "moving_objects"),
    ):
        folder = Path(trained_model(model).path).parent
        shutil.copytree(folder, Path("runs", run))


@pytest.mark.slow
@pytest.mark.parametrize("page", [*map(marked, pages("python"))])
def test_the_python_of_a_page_runs(page, in_a_folder):
    keras.utils.set_random_seed(0)
    names = {}
    for block in blocks("python"):
        if block.page == page and not block.not_run:
            exec(compile(block.code, page, "exec"), names)
    if page == "README.md":
        assert {"loss", "accuracy", "val_accuracy"} <= {*names["history"].history}
        trained = trained_model("runs/classifier")
        assert trained.class_names == ("pan_left", "zoom_in")


class Parsed(Exception):
    """The command line was understood; the work is not begun."""


def parse(call, parsers):
    """Calls what reads a command line, up to the last of its parsers."""
    original, count = argparse.ArgumentParser.parse_args, 0

    def parse_args(parser, arguments=None, namespace=None):
        nonlocal count
        count += 1
        parsed = original(parser, arguments, namespace)
        if count == parsers:
            raise Parsed
        return parsed

    with mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args):
        try:
            call()
        except Parsed:
            return
        except SystemExit as end:
            assert end.code == 0, f"status {end.code}"  # --help
            return
    raise AssertionError("no option was parsed")


def parse_offkeras(arguments):
    of_a_task = arguments[0] in ("train", "evaluate", "prepare", "compare")
    parse(lambda: cli.main(arguments), 2 if of_a_task else 1)


def parse_module(module, arguments):
    assert importlib.util.find_spec(module), f"there is no {module}"
    if module.startswith("training."):
        main = importlib.import_module(module).main
        parse(lambda: main(arguments), 1)
    elif arguments:
        with mock.patch.object(sys, "argv", [module, *arguments]):
            parse(lambda: runpy.run_module(module, run_name="__main__"), 1)


def test_every_line_for_a_shell_is_understood(tmp_path, monkeypatch):
    """In one test: the modules of most lines are the same."""
    monkeypatch.chdir(tmp_path)
    for folder in ("my_videos", "runs/motions", "runs/people"):  # `train` needs these
        Path(folder).mkdir(parents=True)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    programs = []
    for block in blocks("bash"):
        for words in (words for line in lines(block) for words in words_of(line)):
            try:
                program, *arguments = words
                programs.append(program)
                if program == "offkeras":
                    parse_offkeras(arguments)
                elif words[:2] == ["python", "-m"]:
                    parse_module(arguments[1], arguments[2:])
                elif words[:2] == ["python", "-c"]:
                    compile(arguments[1], block.page, "exec")
                elif program == "make":
                    assert arguments[0] in targets, "there is no such target"
                elif program in ("python3", "."):
                    assert block.not_run  # setting up
                else:
                    assert program in OTHERS, "nothing checks this program"
            except Exception as error:
                raise AssertionError(f"{block.page}: {words}: {error}") from error
    assert programs.count("offkeras") > 20 and programs.count("python") > 8


@pytest.mark.parametrize(
    "command", ["classify a.mp4 --modell b", "train actions --x 1"]
)
def test_an_unknown_option_is_noticed(command):
    with pytest.raises(AssertionError, match="status 2"):
        parse_offkeras(command.split())


@pytest.mark.slow
@pytest.mark.parametrize("page", [*map(marked, pages("bash"))])
def test_the_lines_for_a_shell_run(page, in_a_folder):
    for block in blocks("bash"):
        if block.page == page and not block.not_run:
            for line in lines(block):
                run(line)


def run(line):
    """Runs a line; `offkeras` in this process, where TensorFlow is imported already."""
    words = shlex.split(line, comments=True)
    if words[0] != "offkeras":
        environment = (
            f"export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}"
        )
        subprocess.run(["bash", "-ec", f"{environment}\n{line}"], check=True)
        return
    try:
        cli.main(words[1:])
    except SystemExit as end:
        assert not end.code, f"{line}: {end.code}"


def test_blocks_that_are_not_run_say_why(capsys):
    """Run with -s to see them."""
    left_out = [block for block in BLOCKS if block.not_run]
    with capsys.disabled():
        print(f"\n{len(left_out)} of {len(BLOCKS)} blocks are parsed only:")
        for block in left_out:
            print(f"  {block.page}: {block.not_run}: {block.code.splitlines()[0]}")
    for block in left_out:
        if block.language == "python":
            compile(block.code, block.page, "exec")
    assert {block.language for block in BLOCKS} == {"python", "bash", "text"}
    for text in PAGES.values():  # no marker that belongs to nothing
        marked = [found for found in BLOCK.findall(text) if found[0]]
        assert len(re.findall("^ *<!-- not run", text, re.M)) == len(marked)
        assert len(re.findall("^ *```", text, re.M)) == 2 * len(BLOCK.findall(text))


def test_the_readme_is_short():
    assert 120 <= len(PAGES["README.md"].splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_divided_by_per(page):
    assert not DIVIDED.findall(PAGES[page].replace("\n", " "))


REFERENCE = sorted(path.stem for path in (ROOT / "docs" / "api").glob("*.md"))


@pytest.mark.parametrize("package", REFERENCE)
def test_the_reference_has_every_public_name(package):
    """But for names that are public in another package first."""
    module = importlib.import_module(f"offkeras.{package}")
    text = (ROOT / "docs" / "api" / f"{package}.md").read_text()
    listed = set(re.findall(rf"^::: offkeras\.{package}\.(\w+)$", text, re.MULTILINE))
    public = set(getattr(module, "__all__", listed))
    assert all(hasattr(module, name) for name in listed)
    elsewhere = {
        name
        for name in public
        if package != "video"
        and getattr(getattr(module, name), "__module__", "").startswith(
            "offkeras.video"
        )
    }
    assert listed == public - elsewhere
    for name in listed:
        check_arguments(getattr(module, name))


def check_arguments(documented):
    """The arguments that a docstring names are those that there are."""
    if not callable(documented) or not inspect.getdoc(documented):
        return
    text = inspect.getdoc(documented) + "\n"
    section = re.search(r"^Args:\n((?:    .*\n|\n)*)", text, re.MULTILINE)
    if not section:
        return
    named = set(re.findall(r"^    (\w+):", section[1], re.MULTILINE))
    # A class may leave arguments to the one that it extends.
    classes = inspect.getmro(documented) if inspect.isclass(documented) else ()
    parameters = set(inspect.signature(documented).parameters)
    for base in classes:
        if base is not object and "__init__" in vars(base):
            parameters |= set(inspect.signature(base).parameters)
    assert named <= parameters, f"{documented}: {named - parameters}"
