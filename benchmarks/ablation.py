"""Tables 3 and 4 of the paper in kind, on the camera-motion set.

    python -m benchmarks.ablation

Trains the whole OFF, OFF_T, OFF_S and the hypercolumn network with the same options
and several seeds, and tests them on a video of which no frame was trained on. The
networks of a seed share the appearance network of the first stage, which is their
output `appearance`. Each finished run is a row of the CSV; runs that have a row are
not run again. Options of training.action_recognition may follow.
"""

import shutil

from benchmarks.support import trainings

PRESET = ("--preset", "camera_motion")
NETWORKS = {
    "OFF": [*PRESET],
    "OFF_T": [*PRESET, "--no-spatial"],
    "OFF_S": [*PRESET, "--no-temporal"],
    "hypercolumn": [*PRESET, "--no-spatial", "--no-temporal"],
}


def train(network, options, folder):
    """Trains and tests one network, on the first stage of another of its seed."""
    first_stage = next(folder.glob("*/appearance"), None)
    if first_stage and not (folder / network).exists():
        shutil.copytree(first_stage, folder / network / "appearance")
    measured = trainings.recognizer(network, options, folder)
    return {**measured, "first_stage": "shared" if first_stage else "trained"}


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    trainings.fill(
        argv,
        __file__,
        __doc__,
        named="network",
        plural="networks",
        networks=NETWORKS,
        train=train,
    )


if __name__ == "__main__":
    main()
