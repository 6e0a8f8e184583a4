"""The file of the package is what the importer makes of pybullet's motions."""

import json

import numpy as np
import pytest

from offkeras.data.synthetic.human import import_motions
from offkeras.data.synthetic.human.kinematics import TURNING
from offkeras.data.synthetic.human.motions import FILE

IDENTITY = [1.0, 0.0, 0.0, 0.0]


def write_motion(path, frames):
    path.write_text(json.dumps({"Loop": "wrap", "Frames": frames}), encoding="utf-8")


def frame(seconds, knee=0.0):
    numbers = [seconds, 0.1, 0.9, -0.2, *IDENTITY]
    for joint in TURNING[1:]:
        if joint == "right_knee":
            numbers += [knee]
        else:
            numbers += [0.0] if joint in import_motions.HINGES else IDENTITY
    return numbers


def test_a_motion_is_read(tmp_path):
    write_motion(tmp_path / "humanoid3d_hop.txt", [frame(0.1), frame(0.0, knee=-1.0)])
    out = tmp_path / "motions.npz"
    import_motions.main([str(tmp_path), "--out", str(out)])
    with np.load(out, allow_pickle=False) as arrays:
        assert arrays["names"].tolist() == ["hop"] and arrays["loops"].all()
        np.testing.assert_allclose(arrays["times"], [0, 0.1])
        np.testing.assert_array_equal(arrays["root"], [[1000, 9000, -2000]] * 2)
        turns = arrays["rotations"].reshape(2, len(TURNING), 4) / 32767
    knee = TURNING.index("right_knee")
    np.testing.assert_allclose(turns[0], [IDENTITY] * len(TURNING))
    expected = [np.cos(0.5), 0, 0, -np.sin(0.5)]
    np.testing.assert_allclose(turns[1, knee], expected, atol=2e-5)


def test_bad_motions(tmp_path):
    with pytest.raises(SystemExit, match="humanoid3d_.*in a folder. Received: .*empty"):
        import_motions.main([str(tmp_path / "empty")])
    write_motion(tmp_path / "humanoid3d_hop.txt", [frame(0.1) + [1.0]])
    with pytest.raises(ValueError, match="Expected 44 numbers a frame.*Received: 45"):
        import_motions.main([str(tmp_path), "--out", str(tmp_path / "out.npz")])
    far = frame(0.1)
    far[1] = 4.0
    write_motion(tmp_path / "humanoid3d_hop.txt", [far])
    with pytest.raises(ValueError, match="values up to 3.27.*Received: 4.0"):
        import_motions.main([str(tmp_path), "--out", str(tmp_path / "out.npz")])


def test_the_package_has_what_pybullet_has(tmp_path):
    pybullet_data = pytest.importorskip(
        "pybullet_data",
        reason="pybullet 3.2.7, a simulator of 100 MB, is not installed",
    )
    folder = f"{pybullet_data.getDataPath()}/data/motions"
    import_motions.main([folder, "--out", str(tmp_path / "motions.npz")])
    with np.load(tmp_path / "motions.npz") as made, np.load(FILE) as packed:
        assert made.files == packed.files
        for name in made.files:
            np.testing.assert_array_equal(made[name], packed[name])
