import keras
import numpy as np
import pytest

from offkeras.layers import FoldTime, SegmentConsensus, UnfoldTime
from tests.support.helpers import array, check_layer, random


def test_layers(tmp_path):
    clips = random(2, 3, 4, 5, 6)
    check_layer(
        lambda **options: FoldTime(**options),
        clips,
        output_shape=(6, 4, 5, 6),
        parameters=0,
        tmp_path=tmp_path,
    )
    check_layer(
        lambda **options: SegmentConsensus(**options),
        random(2, 3, 7),
        output_shape=(2, 7),
        parameters=0,
        tmp_path=tmp_path,
    )


def test_fold_keeps_the_segments_of_a_clip_together():
    clips = random(2, 3, 4, 5, 6)
    folded = array(FoldTime()(clips))
    for clip in range(2):
        for segment in range(3):
            np.testing.assert_array_equal(
                folded[3 * clip + segment], clips[clip, segment]
            )


@pytest.mark.parametrize("trailing", [(4, 5, 6), (9,)])
def test_unfold_undoes_fold(trailing):
    clips = random(2, 3, *trailing)
    np.testing.assert_array_equal(array(UnfoldTime()(FoldTime()(clips), clips)), clips)


def test_unfold_takes_only_the_segments_from_the_sequence():
    maps = random(6, 4, 4, 8)
    unfolded = UnfoldTime()(maps, random(2, 3, 64, 64, 3))
    np.testing.assert_array_equal(array(unfolded), maps.reshape(2, 3, 4, 4, 8))


def test_unknown_segments_serve_any_number():
    clips = keras.Input((None, None, None, 3))
    folded = FoldTime()(clips)
    unfolded = UnfoldTime()(folded, clips)
    assert folded.shape == (None, None, None, 3)
    assert unfolded.shape == (None, None, None, None, 3)
    model = keras.Model(clips, unfolded)
    for shape in ((2, 7, 4, 6, 3), (1, 25, 3, 5, 3)):
        clip = random(*shape)
        np.testing.assert_array_equal(model.predict(clip, verbose=0), clip)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_unfold_dtype_config_and_saving(policy, tmp_path):
    clips = keras.Input((3, 4, 4, 2))
    layer = UnfoldTime(dtype=policy)
    unfolded = layer(FoldTime(dtype=policy)(clips), clips)
    assert unfolded.dtype == layer.compute_dtype
    assert unfolded.shape == (None, 3, 4, 4, 2)
    model = keras.Model(clips, unfolded)
    model.save(tmp_path / "unfold.keras")
    loaded = keras.saving.load_model(tmp_path / "unfold.keras")
    clip = random(2, 3, 4, 4, 2)
    result = loaded(clip)
    assert keras.backend.standardize_dtype(result.dtype) == layer.compute_dtype
    np.testing.assert_array_equal(array(result), array(model(clip)))


def test_consensus_is_the_mean_of_the_segments():
    scores = random(3, 6, 11)
    expected = sum(scores[:, segment] for segment in range(6)) / 6
    np.testing.assert_allclose(array(SegmentConsensus()(scores)), expected, atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"FoldTime expects .*input_shape=\(2, 3\)"):
        FoldTime()(random(2, 3))
    with pytest.raises(ValueError, match=r"SegmentConsensus expects .*\(2, 3, 4, 5\)"):
        SegmentConsensus()(random(2, 3, 4, 5))
