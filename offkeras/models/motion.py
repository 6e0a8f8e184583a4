"""The motion layers that a recognizer may have in the place of OFF."""

from offkeras.layers import LongTermDifference, MotionExcitation, MotionSqueeze

OFF_ITSELF = "off"
MOTION_LAYERS = {
    "tea": MotionExcitation,
    "tdn": LongTermDifference,
    "motion_squeeze": MotionSqueeze,
}
MOTIONS = (OFF_ITSELF, *MOTION_LAYERS)


def check(motion, *, variant, spatial, temporal):
    """Refuses arguments of a recognizer that do not go together.

    Raises:
        ValueError: if there is no such layer, or an argument is for OFF alone.
    """
    if motion not in MOTIONS:
        raise ValueError(
            f"Expected motion to be one of {MOTIONS}. Received: {motion!r}."
        )
    if motion != OFF_ITSELF and (variant, spatial, temporal) != ("paper", True, True):
        raise ValueError(
            "Expected variant='paper', spatial=True and temporal=True with motion="
            f"{motion!r}: others are for OFF. Received: variant={variant!r}, "
            f"spatial={spatial}, temporal={temporal}."
        )
