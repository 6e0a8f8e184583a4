"""The process behind `isolated`. It imports FFmpeg and NumPy, and nothing else."""

import json
import os
import resource
import sys
import types
from pathlib import Path


def main():
    """Runs one task and writes its answer to the standard output."""
    arguments = json.loads(sys.argv[1])
    memory = arguments["max_memory"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    _extend_time(arguments["timeout"])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not disturb the answer

    _skip_packages()
    from offkeras.data import isolated, video

    def write(kind, seconds=0.0, height=0, width=0, data=b""):
        output.write(isolated.RECORD.pack(kind, seconds, height, width))
        output.write(data)
        output.flush()

    def write_text(kind, text):
        data = text.encode()[: isolated.MAX_TEXT]
        write(kind, width=len(data), data=data)

    path, limits = arguments["path"], arguments["limits"]
    try:
        if arguments["task"] == "probe":
            info = video.probe(path, **limits)
            answer = [info.num_frames, info.height, info.width, info.fps]
            write_text(isolated.TEXT, json.dumps(answer))
        else:
            for seconds, frame in video.iterate_frames(path, **limits):
                _extend_time(arguments["timeout"])
                write(isolated.FRAME, seconds, *frame.shape[:2], frame.data)
        write(isolated.END)
    except video.VideoError as error:
        write_text(isolated.ERROR, error.reason)
    except MemoryError:
        write_text(isolated.ERROR, f"needs more than {memory} bytes to be decoded.")


def _extend_time(seconds):
    """Ends this process where the next frame takes longer, even without a parent."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds + 1, hard))


def _skip_packages():
    """Lets modules be imported without their packages, which import TensorFlow.

    It would take seconds and more memory than this process may.
    """
    data = Path(__file__).resolve().parent
    sys.path[0] = str(data.parents[1])  # before, the folder of this file
    for name, folder in (("offkeras", data.parent), ("offkeras.data", data)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


if __name__ == "__main__":
    main()
