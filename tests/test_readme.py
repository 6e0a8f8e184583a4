"""The Python in the README runs as it stands."""

import re
from pathlib import Path

import keras
import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_ten_lines_train_a_recognizer():
    block = next(block for block in BLOCKS if "model.fit" in block)
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    assert len(block.splitlines()) <= 13
    history = names["history"].history
    assert {f"off_{level}_loss" for level in (1, 2, 3)} < set(history)
    assert names["model"].optimizer.iterations == 10


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if "model.fit" not in block]
)
def test_other_examples_run(block):
    keras.utils.set_random_seed(0)
    exec(compile(block, "README.md", "exec"), {})
