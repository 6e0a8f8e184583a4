"""What `torch.save` writes, read without PyTorch, against PyTorch's own reading."""

import argparse
import collections

import numpy as np
import pytest
import torch

from offkeras.weights.torch_file import Unknown, read_torch

TENSORS = {
    "turned": torch.arange(24.0).reshape(4, 6).T[1:, ::2],
    "bfloat16": torch.linspace(-3, 3, 7).bfloat16(),
    "half": torch.linspace(-3, 3, 5).half(),
    "double": torch.linspace(0, 1, 3, dtype=torch.float64),
    "counter": torch.tensor(7),
    "flags": torch.tensor([True, False]),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(2.5),
    "parameter": torch.nn.Parameter(torch.ones(2, 2)),
}


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def save(request, tmp_path):
    """Function that writes something in one of the two layouts."""

    def save(content):
        path = tmp_path / "a.pth"
        torch.save(content, path, _use_new_zipfile_serialization=request.param)
        return path

    return save


def test_tensors_are_those_of_pytorch(save):
    path = save({"state": collections.OrderedDict(TENSORS), "list": [TENSORS["half"]]})
    ours = read_torch(path)
    theirs = torch.load(path, weights_only=True)
    assert list(ours["state"]) == list(theirs["state"]) == list(TENSORS)
    for name, tensor in theirs["state"].items():
        expected = tensor.detach()
        expected = expected.float() if name == "bfloat16" else expected
        assert ours["state"][name].dtype == expected.numpy().dtype
        np.testing.assert_array_equal(ours["state"][name], expected.numpy())
    np.testing.assert_array_equal(ours["list"][0], TENSORS["half"].numpy())


def test_other_objects_are_named_and_not_made(save):
    class_of_this_file = argparse.Namespace(learning_rate=0.1)
    content = {"epoch": 3, "best": np.float64(0.5), "options": class_of_this_file}
    ours = read_torch(save({**content, "weight": torch.ones(2), "names": ("a", 2)}))
    assert ours["epoch"] == 3 and ours["names"] == ("a", 2)
    assert isinstance(ours["best"], Unknown) and isinstance(ours["options"], Unknown)
    assert ours["options"].name.name == "Namespace"
    np.testing.assert_array_equal(ours["weight"], [1, 1])


def test_a_program_is_not_run(save, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    content = read_torch(save({"a": Evil(), "w": torch.ones(1)}))
    assert isinstance(content["a"], Unknown)
    assert not (tmp_path / "evil").exists()


def test_cut_files_are_refused(save):
    path = save(TENSORS)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="a.pth"):
            read_torch(path)


def test_shared_lists_take_no_more_than_they_hold(save):
    content = [1]
    for _ in range(60):
        content = [content, content]
    assert read_torch(save(content))[0] is not None


def test_a_list_in_itself_is_refused(save):
    content = [torch.ones(1)]
    content.append(content)
    with pytest.raises(ValueError, match="a list holds itself"):
        read_torch(save(content))
