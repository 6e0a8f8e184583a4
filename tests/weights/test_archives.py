"""Weight files that attack whoever loads them. Each attack is shown to work first."""

import copy
import hashlib
import io
import pathlib
import struct
import zipfile

import numpy as np
import pytest
import torch

from offkeras import weights
from offkeras.weights import archives


class Attack:
    """Pickled, it creates a file when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(self.marker),)


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    return {"conv.weight": rng.normal(size=(8, 3, 3, 3)).astype("float32")}


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code(legacy, state, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "weights.pth"
    tensors = {name: torch.tensor(value) for name, value in state.items()}
    content = {**tensors, "attack": Attack(marker)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    copy.copy(content["attack"])  # what loading the object would call
    assert marker.exists()
    marker.unlink()
    with pytest.raises(ValueError, match=r"weights\.pth: expected a dict of tensors"):
        weights.read_state(path)
    assert not marker.exists()


def test_objects_in_npz_that_run_code(state, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "weights.npz"
    attack = np.empty(1, object)
    attack[0] = Attack(marker)
    np.savez(path, **state, attack=attack)
    copy.copy(attack[0])  # what loading the object would call
    assert marker.exists()
    marker.unlink()
    with pytest.raises(ValueError, match=r"weights\.npz: 'attack\.npy' is no array"):
        weights.read_state(path)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", ["pth", "npz"])
def test_every_flipped_bit_of_an_array_is_found(suffix, state, tmp_path):
    path = tmp_path / f"weights.{suffix}"
    (value,) = state.values()
    if suffix == "npz":
        np.savez(path, **state)
    else:
        torch.save({name: torch.tensor(v) for name, v in state.items()}, path)
    np.testing.assert_array_equal(weights.read_state(path)["conv.weight"], value)
    whole = path.read_bytes()
    start = whole.index(value.tobytes())
    for place in range(start, start + value.nbytes, 9):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"weights\.{suffix} is .*(damaged|CRC)"):
            weights.read_state(path)


def test_the_digest_in_a_name(state, tmp_path):
    """Old files of PyTorch have no checksum but this."""
    tensors = {name: torch.tensor(value) for name, value in state.items()}
    torch.save(tensors, tmp_path / "a", _use_new_zipfile_serialization=False)
    data = bytearray((tmp_path / "a").read_bytes())
    path = tmp_path / f"bn-{hashlib.sha256(data).hexdigest()[:16]}.pth"
    path.write_bytes(data)
    assert list(weights.read_state(path)) == ["conv.weight"]
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"\.pth is damaged: its SHA-256 begins"):
        weights.read_state(path)


def test_arrays_without_their_elements(tmp_path):
    """A header that makes NumPy or PyTorch take a terabyte."""
    path = tmp_path / "weights.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }"
    header = header.ljust(117) + b"\n"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(ValueError, match=r"weights\.npz: 'a\.npy' .*has not the bytes"):
        weights.read_state(path)
    path = tmp_path / "weights.pth"
    for size, message in (
        (2**29, "holds only a part of"),
        (2**38, f"{2**38} elements"),
    ):
        torch.save({"a.weight": torch.zeros(1).expand(size)}, path)
        with pytest.raises(ValueError, match=rf"weights\.pth is not .*{message}"):
            weights.read_state(path)


def test_bombs(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, a=np.zeros(2**20, np.uint8))
    assert path.stat().st_size < 4096
    with pytest.raises(ValueError, match=r"has 1048704 bytes unpacked, more than 10"):
        archives.check_zip(path, 2**20)
    archives.check_zip(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY", b"no file" * 99])
@pytest.mark.parametrize("suffix", ["pth", "npz"])
def test_other_files(content, suffix, tmp_path):
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"weights\.{suffix}"):
        weights.read_state(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", content)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=rf"weights\.{suffix}"):
        weights.read_state(path)
