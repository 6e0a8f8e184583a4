"""Appearance times motion: classes that only both together tell.

Someone in clothes of one of five colours gets up, lies down, holds still, or rises and
sinks again. The colour of the clothes is half of the class, and every frame shows it.
The other half no frame shows: each pose is as likely in all four motions. So who sees
appearance alone is right for one clip in four, who sees motion alone for one in five.
"""

from offkeras.data.synthetic.human.actions import RISING
from offkeras.data.synthetic.human.people import COLOURS
from offkeras.data.synthetic.human_actions import HumanActions


class AppearanceMotion(HumanActions):
    """The joint set of `HumanActions`: five appearances times four motions.

    Its classes, such as `red_gets_up`, are balanced; all else is as in `HumanActions`.

    Example:

    ```python
    clips = data.AppearanceMotion.open()
    train = clips.train(data.Stream(epochs=5), batch_size=32, size=112)
    ```
    """

    appearances = tuple(COLOURS)
    motions = tuple(RISING)
    class_names = tuple(f"{a}_{m}" for a in COLOURS for m in RISING)

    @classmethod
    def action(cls, label):
        """What a class is made of: its `Action`, and the colour of its clothes."""
        appearance, motion = divmod(label, len(cls.motions))
        return RISING[cls.motions[motion]], cls.appearances[appearance]
