"""Many files at a time, in threads of this process."""

import concurrent.futures
import os


def in_threads(function, items, *, workers=None, done=None):
    """Calls a function with every item, some at a time.

    Args:
        function: called with one item.
        items: what it is called with.
        workers: items at a time. Default: one a processor.
        done: function called after every item with the number finished so far.

    Returns:
        A list of what the function returned, in the order of the items. An error
        ends the work on all items.
    """
    results = []
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count()) as threads:
        try:
            for result in threads.map(function, items):
                results.append(result)
                if done:
                    done(len(results))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return results
