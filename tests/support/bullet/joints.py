"""Joints as pybullet computes them from a motion; run to make the stored ones anew.

PYTHONPATH=.:folder_of_pybullet python -m tests.support.bullet.joints
"""

import json
from pathlib import Path

import numpy as np

STORED = Path(__file__).with_name("joints.npz")
FILES = {
    "walk_forward": "walker/0walk_forward",
    "turn_left0": "walker/turn_left0",
    "turn_left1": "walker/turn_left1",
    "turn_right0": "walker/turn_right0",
    "turn_right1": "walker/turn_right1",
}
# Name of a joint -> its number in the URDF. That of the root is its own.
LINKS = {
    **dict(chest=1, neck=2, right_hip=3, right_knee=4, right_ankle=5),
    **dict(right_shoulder=6, right_elbow=7, right_wrist=8, left_hip=9, left_knee=10),
    **dict(left_ankle=11, left_shoulder=12, left_elbow=13, left_wrist=14),
}
# The joints of a line of a motion, in order, after the root.
COLUMNS = tuple(name for name in LINKS if not name.endswith("wrist"))
HINGES = ("knee", "elbow")


def joints(name, every=1):
    """Positions of the root and of `LINKS` in the frames of a motion, `(N, 15, 3)`."""
    import pybullet
    import pybullet_data

    folder = Path(pybullet_data.getDataPath())
    file = FILES.get(name, f"humanoid3d_{name}")
    frames = json.loads(
        (folder / f"data/motions/{file}.txt").read_text(encoding="utf-8")
    )["Frames"]
    client = pybullet.connect(pybullet.DIRECT)
    try:
        body = pybullet.loadURDF(
            str(folder / "humanoid/humanoid.urdf"),
            globalScaling=0.25,
            useFixedBase=False,
            flags=pybullet.URDF_MAINTAIN_LINK_ORDER,
        )
        return np.array([_pose(pybullet, body, frame) for frame in frames[::every]])
    finally:
        pybullet.disconnect(client)


def _pose(pybullet, body, frame):
    root, at = frame[1:4], 8
    pybullet.resetBasePositionAndOrientation(body, root, _xyzw(frame[4:8]))
    for name in COLUMNS:
        if name.endswith(HINGES):
            pybullet.resetJointState(body, LINKS[name], frame[at])
            at += 1
        else:
            turn = _xyzw(frame[at : at + 4])
            pybullet.resetJointStateMultiDof(body, LINKS[name], turn)
            at += 4
    states = pybullet.getLinkStates(
        body, list(LINKS.values()), computeForwardKinematics=True
    )
    # Number 4: where the link's own frame is, not its centre of mass.
    return [root, *(state[4] for state in states)]


def _xyzw(quaternion):
    # Some in the files are longer than 1 by a fifth.
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return [x, y, z, w]


if __name__ == "__main__":
    stored = {name: joints(name, every=40) for name in ("cartwheel", "getup_faceup")}
    np.savez_compressed(
        STORED, **{name: array.astype(np.float32) for name, array in stored.items()}
    )
