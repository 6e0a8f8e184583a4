"""Makes the motions of `data.HumanActions` from those of pybullet, for developers.

pip download --no-deps pybullet==3.2.7 && unzip pybullet-*.whl "pybullet_data/*"
python -m offkeras.data.synthetic.human.import_motions pybullet_data/data/motions
"""

import argparse
import json
from pathlib import Path

import numpy as np

from offkeras.data.synthetic.human.kinematics import TURNING
from offkeras.data.synthetic.human.motions import FILE, LENGTH_STEP, ROTATION_STEP

PATTERNS = ("humanoid3d_*.txt", "walker/*.txt")
HINGES = ("right_knee", "right_elbow", "left_knee", "left_elbow")  # about z


def main(argv=None):
    """Writes the file of the package, or another."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("motions", type=Path, help="folder data/motions of pybullet")
    parser.add_argument("--out", type=Path, default=FILE, help=f"default: {FILE}")
    arguments = parser.parse_args(argv)
    paths = [p for pattern in PATTERNS for p in sorted(arguments.motions.glob(pattern))]
    if not paths:
        raise SystemExit(
            f"Expected {PATTERNS[0]} in a folder. Received: {arguments.motions}."
        )
    parts = [read_motion(path) for path in paths]
    columns = {key: [part[key] for part in parts] for key in parts[0]}
    np.savez_compressed(
        arguments.out,
        names=np.array(columns["name"]),
        loops=np.array(columns["loops"]),
        lengths=np.array([len(times) for times in columns["times"]], np.int32),
        times=np.concatenate(columns["times"]).astype(np.float32),
        root=integers(np.concatenate(columns["root"]), LENGTH_STEP),
        rotations=integers(np.concatenate(columns["rotations"]), ROTATION_STEP),
    )
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {len(paths)} motions, {size} bytes")


def read_motion(path):
    """A motion of DeepMimic's format.

    Returns:
        Dict of `name`, `loops`, `times`, `root` `(N, 3)`, `rotations` `(N, 52)`.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    frames = np.array(content["Frames"])
    # The last pose ends the motion; how long it lasts is of no meaning.
    times = np.concatenate([[0], np.cumsum(frames[:-1, 0])])
    columns, at = [], 4
    for joint in TURNING:
        if joint in HINGES:
            half = frames[:, at] / 2
            zero = np.zeros_like(half)
            columns += [np.cos(half), zero, zero, np.sin(half)]
        else:
            columns += list(frames[:, at : at + 4].T)
        at += 1 if joint in HINGES else 4
    if at != frames.shape[1]:
        raise ValueError(
            f"Expected {at} numbers a frame in {path}. Received: {frames.shape[1]}."
        )
    name = path.stem.removeprefix("humanoid3d_").lstrip("0")
    return dict(
        name=name,
        loops=content["Loop"] == "wrap",
        times=times,
        root=frames[:, 1:4],
        rotations=np.stack(columns, axis=1),
    )


def integers(values, step):
    """Values in steps, int16."""
    whole = np.rint(values / step)
    if np.abs(whole).max() > np.iinfo(np.int16).max:
        most = np.iinfo(np.int16).max * step
        raise ValueError(
            f"Expected values up to {most}. Received: {np.abs(values).max()}."
        )
    return whole.astype(np.int16)


if __name__ == "__main__":
    main()
