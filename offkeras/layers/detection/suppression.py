"""Greedy non-maximum suppression without a loop over the boxes."""

from keras import ops

from offkeras.layers.detection.boxes import gather, overlaps, top


def non_max_suppression(boxes, valid, *, iou_threshold, max_kept, block_size=256):
    """Keeps a box unless it overlaps a better box that was kept.

    Exactly the greedy algorithm, block by block: the boxes kept so far
    suppress the boxes of a block, then the rule above is applied to the whole
    block, pass after pass, until nothing changes. Pass k is final for boxes whose
    suppression chain is at most k long, so a few passes are enough.

    Args:
        boxes: tensor `(B, N, 4)`, N known, best first.
        valid: boolean tensor `(B, N)`; the others are neither kept nor suppress.
        iou_threshold: overlaps above it suppress.
        max_kept: how many kept boxes of an image are needed; whether those
            after them are kept is left open.
        block_size: boxes per block.

    Returns:
        Boolean tensor `(B, N)`.
    """
    count = boxes.shape[1]
    if count <= block_size:
        return _suppress(boxes, valid, iou_threshold)

    # === Blocks ===
    padding = (0, -count % block_size)
    boxes = ops.pad(boxes, ((0, 0), padding, (0, 0)))
    # LiteRT pads numbers only.
    valid = ops.pad(ops.cast(valid, "int32"), ((0, 0), padding)) > 0
    num_blocks = boxes.shape[1] // block_size
    # (B, N, ...) -> (B, blocks, block_size, ...)
    block_boxes = ops.reshape(boxes, (-1, num_blocks, block_size, 4))
    block_valid = ops.reshape(valid, (-1, num_blocks, block_size))
    blocks = ops.arange(num_blocks)
    used = ops.max(ops.where(ops.any(block_valid, axis=(0, 2)), blocks + 1, 0))

    def unfinished(block, keep):
        kept = ops.sum(ops.cast(keep, "int32"), axis=(1, 2))
        return ops.logical_and(block < used, ops.any(kept < max_kept))

    def next_block(block, keep):
        # The first boxes that were kept: of equal scores `top` takes the first.
        kept = ops.cast(ops.reshape(keep, (-1, num_blocks * block_size)), "float32")
        is_kept, indices = top(kept, max_kept)
        here = ops.take(block_boxes, block, axis=1)
        hit = overlaps(gather(boxes, indices), here) > iou_threshold
        hit = ops.logical_and(hit, (is_kept > 0)[..., None])
        alive = ops.take(block_valid, block, axis=1)
        alive = ops.logical_and(alive, ops.logical_not(ops.any(hit, axis=1)))
        kept = _suppress(here, alive, iou_threshold)
        return block + 1, ops.where((blocks == block)[:, None], kept[:, None], keep)

    _, keep = ops.while_loop(
        unfinished,
        next_block,
        (ops.zeros((), "int32"), ops.zeros_like(block_valid)),
    )
    return ops.reshape(keep, (-1, num_blocks * block_size))[:, :count]


def _suppress(boxes, alive, iou_threshold):
    """The rule within one block."""
    order = ops.arange(boxes.shape[1])
    better = order[:, None] < order
    # (B, N, N): the first suppresses the second.
    hits = ops.logical_and(overlaps(boxes, boxes) > iou_threshold, better)

    def unsettled(keep, previous):
        return ops.any(ops.not_equal(keep, previous))

    def apply_rule(keep, _):
        hit = ops.any(ops.logical_and(hits, keep[..., None]), axis=1)
        return ops.logical_and(alive, ops.logical_not(hit)), keep

    keep, _ = ops.while_loop(unsettled, apply_rule, (alive, ops.zeros_like(alive)))
    return keep
