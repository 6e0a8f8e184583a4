"""The process behind `isolated`. It imports FFmpeg and NumPy, and nothing else."""

import functools
import importlib
import json
import os
import resource
import sys


def main():
    """Runs one task and writes its answer to the standard output."""
    arguments = json.loads(sys.argv[1])
    memory = arguments["max_memory"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    extend_time = functools.partial(_extend_time, arguments["timeout"])
    extend_time()
    reader = os.fdopen(os.dup(0), "rb", buffering=0)
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not disturb the answer

    from offkeras.video import isolated
    from offkeras.video import reading as video

    module, name = arguments["task"]
    task = getattr(importlib.import_module(module), name)
    channel = isolated.Channel(reader, writer, extend_time)
    try:
        task(channel, arguments["path"], **arguments["options"])
        channel.write(isolated.END)
    except video.VideoError as error:
        channel.write_text(isolated.ERROR, error.reason)
    except MemoryError:
        text = f"needs more than {memory} bytes to be decoded."
        channel.write_text(isolated.ERROR, text)


def _extend_time(seconds):
    """Ends this process where the next answer takes longer, even without a parent."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds + 1, hard))


if __name__ == "__main__":
    main()
