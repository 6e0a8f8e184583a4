"""Vimeo-90K at a quality of the paper, as `offkeras prepare compression`.

python -m training.prepare_compression --data vimeo_septuplet --quality 40
"""

from offkeras.training.prepare.compression import main

if __name__ == "__main__":
    main()
