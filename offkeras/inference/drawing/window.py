"""A window on the desktop that shows one picture after another."""


class Window:
    """Shows pictures as they come. It is closed by its button, by q or by Escape.

    Args:
        title: of the window.

    Raises:
        RuntimeError: if this Python has no Tk, or there is no desktop.
    """

    def __init__(self, title):
        try:
            import tkinter
        except ImportError as error:
            raise RuntimeError(
                "A window needs Tk, which this Python was built without. Install it "
                "(Debian: python3-tk), or leave the window out."
            ) from error
        self._tk = tkinter
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise RuntimeError(
                f"A window needs a desktop, and there is none ({error})."
            ) from error
        self._root.title(title)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self.is_open = True
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda event: self.close())

    def show(self, image):
        """Shows a picture, uint8 RGB `(H, W, 3)`, and takes keys and clicks."""
        if self.is_open:
            self._picture = self._tk.PhotoImage(data=as_ppm(image))
            self._label.configure(image=self._picture)
            self._root.update()

    def close(self):
        """Closes the window."""
        if self.is_open:
            self.is_open = False
            self._root.destroy()


def as_ppm(image):
    """A picture, uint8 RGB `(H, W, 3)`, as a file that Tk reads."""
    height, width = image.shape[:2]
    return b"P6 %d %d 255 " % (width, height) + image.tobytes()
