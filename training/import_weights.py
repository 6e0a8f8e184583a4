"""The weights that the paper starts from, as `offkeras prepare weights`.

python -m training.import_weights bn_inception-9f5701afb96c8044.pth rgb.weights.h5
"""

from offkeras.training.import_weights import main

if __name__ == "__main__":
    main()
