"""The mAP of ImageNet VID, as `offkeras evaluate detection`.

    python -m training.evaluate_detection --predictions predictions.jsonl \\
        --data ILSVRC2015 --out runs/evaluation
"""

from offkeras.training.detection.evaluate import main

if __name__ == "__main__":
    main()
