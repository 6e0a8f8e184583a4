"""The paper's claim of acceleration in kind: OFF on inputs that show motion already.

    python -m benchmarks.acceleration

Trains a recognizer on the embedded acceleration set, for flow and for RGB-diff, with
several seeds. Its output `appearance`, which averages the scores of segments, can be
right for half of the clips at most; OFF sees the order of the segments. The test is on
a video of which no frame was trained on. Each finished run is a row of the CSV; runs
that have a row are not run again. Options of training.action_recognition may follow.
"""

from benchmarks.support import trainings

MODALITIES = {
    name: ["--preset", "acceleration", "--modality", name]
    for name in ("flow", "rgb_diff")
}


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    trainings.fill(
        argv,
        __file__,
        __doc__,
        named="modality",
        plural="modalities",
        networks=MODALITIES,
    )


if __name__ == "__main__":
    main()
