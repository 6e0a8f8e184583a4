"""A process that runs PyTorch: TensorFlow and PyTorch share no threads."""

import importlib.util
import json
import os
import subprocess
import sys


class TorchWorker:
    """The process; it sleeps while it is not asked.

    Args:
        module: its module. It writes a dict that tells about it, then answers every
            line with one, all JSON.
        *arguments: its arguments.
    """

    def __init__(self, module, *arguments):
        self.module = module
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self.answer()

    @staticmethod
    def is_there():
        """Whether PyTorch is installed; says so if not."""
        if importlib.util.find_spec("torch"):
            return True
        print("torch is not installed: no rows for it.")
        return False

    def ask(self, request):
        """The answer to a request."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        """One line of the process; it ends early only by an error of its own."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self.module} ended with exit status {self.process.wait()}; its "
                "error is printed above."
            )
        return json.loads(line)

    def close(self):
        """Ends the process by ending its input."""
        self.process.stdin.close()
        self.process.wait()
