"""The paper's action recognition, as `offkeras train actions`.

python -m training.action_recognition --preset ucf101_flow --split 1
"""

from offkeras.training.actions.train import main

if __name__ == "__main__":
    main()
