"""Scores of a split of UCF-101 or HMDB-51, as `offkeras evaluate actions`.

    python -m training.test_action_recognition --out rgb.npz \\
        --model runs/ucf101_rgb_split1/recognizer.keras
"""

from offkeras.training.actions.evaluate import main

if __name__ == "__main__":
    main()
