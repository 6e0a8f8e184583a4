"""Position-sensitive pooling of regions of interest."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class PSRoIPooling(ConfiguredLayer):
    """Position-sensitive RoI pooling of R-FCN.

    Dai et al. (2016), equation 1: a region is divided into bins, and each bin
    is the mean of its cells on score maps of its own. Edges of regions and
    bins are rounded as in the authors' kernel: neighbouring bins may share a
    row of cells, and a bin outside the maps is zero. Only, edges are exact
    here. The kernel's are float32, and where one lies exactly between two
    cells, its rounding, and so the bin, depends on the compiler.

    Args:
        pool_size: bins a side.
        spatial_scale: cells a pixel, one divided by a whole number.
        method: `"matmul"` multiplies by the bins' rows and columns, one row of
            bins at a time, which bounds the memory; the faster one in training.
            `"integral"` looks up an integral image; the faster one in LiteRT,
            and a little less accurate. There are no weights, so `method` can
            be changed on a trained layer before it is exported.
        vote: whether to return the vote, the mean over the bins, with no tensor of
            more than four axes on the way; otherwise it is left to the caller.

    Input shape:
        Maps `(batch, height, width, pool_size * pool_size * channels)`, the
        channels of the first bin first, row by row. Boxes `(batch, regions,
        4)`: x1, y1, x2, y2 in pixels, edges continuous.

    Output shape:
        `(batch, regions, pool_size, pool_size, channels)`; with `vote` `(batch,
        regions, channels)`.

    Raises:
        ValueError: if the method is unknown, the scale is not that of whole
            pixels, or the maps cannot be divided into bins.

    Example:

    >>> maps = np.random.rand(1, 38, 63, 7 * 7 * 31)
    >>> PSRoIPooling()(maps, np.array([[[16.0, 32.0, 240.0, 300.0]]])).shape
    (1, 1, 7, 7, 31)
    """

    arguments = ("pool_size", "spatial_scale", "method", "vote")

    def __init__(
        self,
        pool_size=7,
        *,
        spatial_scale=1 / 16,
        method="matmul",
        vote=False,
        **kwargs,
    ):
        # Half precision cannot hold the coordinates of a large image.
        super().__init__(autocast=False, **kwargs)
        if method not in ("matmul", "integral"):
            raise ValueError(
                f"`method` must be 'matmul' or 'integral'. Received: {method!r}."
            )
        if abs(1 / spatial_scale - round(1 / spatial_scale)) > 1e-6:
            raise ValueError(
                "`spatial_scale` must be one divided by a whole number of pixels. "
                f"Received: {spatial_scale!r}."
            )
        self.pool_size = pool_size
        self.spatial_scale = spatial_scale
        self.method = method
        self.vote = vote

    def build(self, maps_shape, rois_shape):
        bins = self.pool_size**2
        if maps_shape[-1] is None or maps_shape[-1] % bins:
            raise ValueError(
                f"PSRoIPooling expects maps with a multiple of {bins} channels. "
                f"Received: maps_shape={tuple(maps_shape)}."
            )

    def call(self, maps, rois):
        maps = ops.cast(maps, "float32")
        rois = ops.stop_gradient(ops.cast(rois, "float32"))
        height, width = ops.shape(maps)[1:3]
        rows = self._bin_edges(rois[..., 1], rois[..., 3], height)
        columns = self._bin_edges(rois[..., 0], rois[..., 2], width)
        method = _pool_by_matmul if self.method == "matmul" else _pool_by_integral
        bins = self.pool_size
        pooled = ops.cast(method(maps, rows, columns, bins), self.compute_dtype)
        if self.vote:
            return ops.mean(pooled, axis=2)  # (B, R, bins*bins, C) -> (B, R, C)
        shape = (-1, ops.shape(pooled)[1], bins, bins, pooled.shape[-1])
        # (B, R, bins*bins, C) -> (B, R, bins, bins, C)
        return ops.reshape(pooled, shape)

    def _bin_edges(self, low, high, size):
        """First cell of each bin and the one after its last: `(B, R, bins)`."""
        stride = round(1 / self.spatial_scale)
        # The kernel takes the last pixel, inclusive, rounds it, and adds one.
        start, end = _round(low)[..., None], _round(high - 1)[..., None] + 1
        # In tenths of a pixel a region's least side, 0.1 cells, is whole, and so
        # is every edge in tenths of a pixel divided by the number of bins.
        length = ops.maximum(10 * (end - start), stride)
        index = ops.arange(self.pool_size + 1, dtype="float32")
        edges = 10 * self.pool_size * start + index * length
        cell = 10 * self.pool_size * stride
        # Half a unit keeps the quotient off the whole numbers, where compilers
        # that multiply by a reciprocal would round it to either side.
        edges = (
            ops.floor((edges[..., :-1] + 0.5) / cell),
            ops.floor((edges[..., 1:] + (cell - 0.5)) / cell),  # rounds up
        )
        size = ops.cast(size, "float32")
        return [ops.minimum(ops.maximum(edge, 0.0), size) for edge in edges]

    def compute_output_shape(self, maps_shape, rois_shape):
        bins = self.pool_size
        axes = () if self.vote else (bins, bins)
        return (*rois_shape[:2], *axes, maps_shape[-1] // bins**2)


def _round(x):
    """Halves away from zero, as in C."""
    return ops.sign(x) * ops.floor(ops.abs(x) + 0.5)


def _pool_by_matmul(maps, rows, columns, bins):
    """The mean over a rectangle: its rows' mean, then its columns' mean."""
    height, width, channels = ops.shape(maps)[1:]
    channels //= bins**2
    regions = ops.shape(rows[0])[1]
    row_weights = _mean_weights(*rows, height)  # (B, R, bins, H)
    column_weights = _mean_weights(*columns, width)  # (B, R, bins, W)
    # -> (B*R*bins, 1, W)
    column_weights = ops.reshape(column_weights, (-1, 1, width))
    pooled = []
    # bins times (B, H, W, bins*C)
    for row, strips in enumerate(ops.split(maps, bins, axis=-1)):
        # -> (B*H, W, bins, C) -> (B*H, bins, W, C): phones take four axes at most.
        strips = ops.reshape(strips, (-1, width, bins, channels))
        strips = ops.transpose(strips, (0, 2, 1, 3))
        # (B, R, H), (B, H, bins*W*C) -> (B, R, bins*W*C)
        strips = ops.matmul(
            row_weights[:, :, row],
            ops.reshape(strips, (-1, height, bins * width * channels)),
        )
        # (B*R*bins, 1, W), (B*R*bins, W, C) -> (B*R*bins, 1, C)
        cells = ops.matmul(column_weights, ops.reshape(strips, (-1, width, channels)))
        pooled.append(ops.reshape(cells, (-1, regions, bins, channels)))
    return ops.concatenate(pooled, axis=2)


def _mean_weights(first, after, size):
    """`(B, R, bins)` edges -> `(B, R, bins, size)` weights of the cells."""
    cells = ops.arange(size, dtype="float32")
    first, after = first[..., None], after[..., None]
    inside = ops.logical_and(cells >= first, cells < after)
    return ops.cast(inside, "float32") / ops.maximum(after - first, 1.0)


def _pool_by_integral(maps, rows, columns, bins):
    """The sum over a rectangle from four corners of the integral image."""
    height, width, channels = ops.shape(maps)[1:]
    channels //= bins**2
    # Without the mean the sums stay small and float32 exact enough.
    mean = ops.mean(maps, axis=(1, 2), keepdims=True)
    sums = ops.cumsum(ops.cumsum(maps - mean, axis=1), axis=2)
    sums = ops.pad(sums, ((0, 0), (1, 0), (1, 0), (0, 0)))
    # (B, H+1, W+1, bins*bins*C) -> (B*(H+1)*(W+1)*bins*bins, C)
    sums = ops.reshape(sums, (-1, channels))
    top, bottom = (ops.cast(edge[..., :, None], "int32") for edge in rows)
    left, right = (ops.cast(edge[..., None, :], "int32") for edge in columns)
    image = ops.arange(ops.shape(maps)[0])[:, None, None, None]
    bin_index = ops.reshape(ops.arange(bins**2, dtype="int32"), (bins, bins))
    flat = (-1, ops.shape(top)[1], bins**2)

    def corner(y, x):
        cell = (image * (height + 1) + y) * (width + 1) + x
        # (B, R, bins, bins) -> (B, R, bins*bins) -> (B, R, bins*bins, C)
        cell = ops.reshape(cell * bins**2 + bin_index, flat)
        return ops.take(sums, cell, axis=0)

    total = corner(bottom, right) - corner(top, right)
    total = total - corner(bottom, left) + corner(top, left)
    extent = ops.maximum(bottom - top, 0) * ops.maximum(right - left, 0)
    extent = ops.reshape(ops.cast(extent, "float32"), flat)[..., None]
    mean = ops.reshape(mean, (-1, 1, bins**2, channels))
    return ops.where(extent > 0, total / ops.maximum(extent, 1.0) + mean, 0.0)
