"""Which frames a restorer makes better, and which it leaves as they are."""


class WorthRestoring:
    """Tells whether a restorer makes a frame better, by how it is quantised.

    A restorer removes what one strength of compression does to a picture. On a
    picture that is compressed less it removes detail instead. So it states the
    quantisers at which it gains, and frames outside of them are left as they are.
    Where the decoder tells no quantiser, every frame is restored.

    Args:
        quantisers: dict from a codec, as FFmpeg names it, to the least and the most
            quantiser at which the model gains, see `video.Quantiser`; codecs that
            are left out are none of the model's. `None`: nobody knows.

    Attributes:
        seen: number of frames asked for.
        left: number of those that are left as they are.
        unknown: number of frames without a quantiser.

    Example:

    ```python
    trained = trained_model("mpeg4_low")
    worth = WorthRestoring(trained.defaults.get("quantisers"))
    restore_file("old.mp4", "new.mp4", trained.load(), worth=worth)
    print(worth.summary())
    ```
    """

    def __init__(self, quantisers):
        self.quantisers = quantisers
        self.seen = self.left = self.unknown = 0
        self.least = self.most = None  # `Quantiser`s of those that are left

    def __call__(self, source):
        """Whether to restore a `SourceFrame`."""
        self.seen += 1
        quantiser = source.quantiser
        if quantiser is None:
            self.unknown += 1
            return True
        if self.quantisers is None:
            return True
        least, most = self.quantisers.get(quantiser.codec, (1, 0))
        if least <= quantiser.value <= most:
            return True
        self.left += 1
        self.least = min(self.least or quantiser, quantiser)
        self.most = max(self.most or quantiser, quantiser)
        return False

    def summary(self):
        """What was left, or why nothing could be: a line of text, perhaps empty."""
        if self.quantisers is None:
            return (
                "all frames restored: the model does not say at which quantisers it "
                "gains"
            )
        if self.left:
            codec = self.least.codec
            if codec in self.quantisers:
                least, most = self.quantisers[codec]
                reason = (
                    f"their {codec} quantisers are {self.least.value:.1f} to "
                    f"{self.most.value:.1f}, and the model gains from {least} to {most}"
                )
            else:
                reason = f"the model is not for {codec}"
            return f"{self.left} of {self.seen} frames left as they were: {reason}"
        if self.unknown:
            return "all frames restored: the decoder tells no quantiser"
        return ""
