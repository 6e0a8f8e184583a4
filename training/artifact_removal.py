"""The paper's artifact removal (Vimeo-90K), as `offkeras train restoration`.

python -m training.artifact_removal --preset paper --quality 40
"""

from offkeras.training.restoration.train import main

if __name__ == "__main__":
    main()
