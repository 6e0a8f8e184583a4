"""`python -m offkeras` is the command `offkeras`."""

from offkeras.cli import main

if __name__ == "__main__":
    main()
