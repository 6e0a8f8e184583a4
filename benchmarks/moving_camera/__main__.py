"""The shipped model `moving_camera` on a video of which nothing was trained on.

    python -m benchmarks.moving_camera

Nine motions of windows over a video that plays, 20 clips each; its row takes the place
of that of the same model before.
"""

import tempfile
from pathlib import Path

from benchmarks.support import records, windows
from offkeras import inference
from offkeras.data.synthetic.moving_windows import MOTIONS

CLIPS = 20


def main(argv=None):
    """Writes the row and prints it."""
    csv = Path(__file__).parent.with_suffix(".csv")
    parser = records.parser(__doc__, default=csv)
    parser.add_argument("--model", default="moving_camera", help="name or folder")
    parser.add_argument("--clips", type=int, default=CLIPS, help="of a class")
    args = parser.parse_args(argv)
    recognizer = inference.trained_model(args.model, "recognizer").load()
    with tempfile.TemporaryDirectory() as folder:
        clips = windows.write_clips(
            Path(folder), [windows.TEST], MOTIONS, args.clips, "moving camera"
        )
        row = windows.accuracies(recognizer, clips)
    row = {"model": args.model, "clips": args.clips, **row, **records.environment()}
    records.write(args.out, [row], same=("model", "tensorflow"))
    print(row)


if __name__ == "__main__":
    main()
