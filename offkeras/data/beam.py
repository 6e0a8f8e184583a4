"""Preparing datasets on many machines, by Apache Beam."""

import shlex


def for_each(function, items, *, options):
    """Calls a function with every item, in an Apache Beam pipeline.

    The function writes files, each whole or not at all, and leaves those that are
    there: so a runner may call it twice, and a killed pipeline is run again.

    Args:
        function: called with one item; it and the items are pickled, and its module
            must be installed where it runs.
        items: list; each is the work of one machine at a time.
        options: of the pipeline, as on a command line: `"--runner=DirectRunner"`.

    Raises:
        ImportError: if Apache Beam is not installed.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ImportError(
            "--beam needs Apache Beam: pip install 'offkeras[beam]'."
        ) from error

    with beam.Pipeline(options=PipelineOptions(shlex.split(options))) as pipeline:
        work = pipeline | "items" >> beam.Create(items)
        # Without it a runner may fuse all items into the work of one machine.
        work | "spread" >> beam.Reshuffle() | "do" >> beam.Map(function)
