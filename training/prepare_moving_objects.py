"""The moving objects, as `offkeras prepare moving_objects`."""

from offkeras.training.prepare.moving_objects import main

if __name__ == "__main__":
    main()
