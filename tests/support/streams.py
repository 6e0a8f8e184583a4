"""Training data with the fields of a `Stream` among the other options."""

import dataclasses

from offkeras.data import Stream

FIELDS = [field.name for field in dataclasses.fields(Stream)]


def train(dataset, **options):
    """`dataset.train` of the stream that `seed`, `epochs` ... describe."""
    stream = Stream(**{name: options.pop(name) for name in FIELDS if name in options})
    return dataset.train(stream, **options)
