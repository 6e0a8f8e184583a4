"""The paper's object detection (ImageNet VID and DET), as `offkeras train detection`.

python -m training.object_detection --preset imagenet_vid --weights imagenet
"""

from offkeras.training.detection.train import main

if __name__ == "__main__":
    main()
