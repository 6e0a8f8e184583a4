"""Where the joints of a person are: a skeleton and its forward kinematics.

The skeleton is that of the humanoid of DeepMimic (Peng et al. 2018), as pybullet has it
in `humanoid/humanoid.urdf` at a scale of 0.25: metres, y up, the person faces +x and
has its right at +z. Rotations are quaternions w x y z.
"""

import numpy as np

# Joint -> (parent, offset in the parent's frame). Wrists do not turn.
SKELETON = {
    "root": (None, (0.0, 0.0, 0.0)),
    "chest": ("root", (0.0, 0.236151, 0.0)),
    "neck": ("chest", (0.0, 0.223894, 0.0)),
    "right_hip": ("root", (0.0, 0.0, 0.084887)),
    "right_knee": ("right_hip", (0.0, -0.421546, 0.0)),
    "right_ankle": ("right_knee", (0.0, -0.40987, 0.0)),
    "right_shoulder": ("chest", (-0.02405, 0.2435, 0.18311)),
    "right_elbow": ("right_shoulder", (0.0, -0.274788, 0.0)),
    "left_hip": ("root", (0.0, 0.0, -0.084887)),
    "left_knee": ("left_hip", (0.0, -0.421546, 0.0)),
    "left_ankle": ("left_knee", (0.0, -0.40987, 0.0)),
    "left_shoulder": ("chest", (-0.02405, 0.2435, -0.18311)),
    "left_elbow": ("left_shoulder", (0.0, -0.274788, 0.0)),
    "right_wrist": ("right_elbow", (0.0, -0.258947, 0.0)),
    "left_wrist": ("left_elbow", (0.0, -0.258947, 0.0)),
}
JOINTS = tuple(SKELETON)
TURNING = JOINTS[:13]  # those that have a rotation
OFFSETS = np.array([offset for _, offset in SKELETON.values()])
PARENTS = tuple(JOINTS.index(p) if p else None for p, _ in SKELETON.values())


def rotation_matrices(quaternions):
    """Matrices `(..., 3, 3)` of unit quaternions `(..., 4)`."""
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def forward(root, rotations, offsets=OFFSETS):
    """Joints of a person in a number of poses.

    Args:
        root: positions of the root, `(N, 3)` in metres.
        rotations: of the joints in `TURNING` against their parents, unit quaternions
            `(N, 13, 4)`.
        offsets: of the joints from their parents, `(15, 3)`; others than the
            skeleton's make a person of another build.

    Returns:
        Positions `(N, 15, 3)` of `JOINTS`, and their frames in the world, matrices
        `(N, 15, 3, 3)`.
    """
    local = rotation_matrices(rotations)
    positions, frames = [root], [local[:, 0]]
    for joint in range(1, len(JOINTS)):
        parent = PARENTS[joint]
        frame = frames[parent]
        positions.append(positions[parent] + frame @ offsets[joint])
        frames.append(frame @ local[:, joint] if joint < len(TURNING) else frame)
    return np.stack(positions, axis=1), np.stack(frames, axis=1)
