"""All videos of UCF-101 or HMDB-51 with flow, as `offkeras prepare videos`.

    python -m training.prepare_videos --dataset ucf101 --videos UCF-101 \\
        --lists ucfTrainTestlist --out ucf101 --flow tvl1
"""

from offkeras.training.prepare.videos import main

if __name__ == "__main__":
    main()
