"""The paper's sums of streams and its tables, as `offkeras evaluate fusion`.

python -m training.fuse_scores runs/*/scores.npz --tables
"""

from offkeras.training.actions.fuse import main

if __name__ == "__main__":
    main()
