from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.metrics.correlation import chimerax_correlation, chimerax_level, cosine, pearson, ssim, strong_part


def test_cosine_of_small_vectors():
    assert cosine(np.array([1, 2, 2]), np.array([2, 1, 2])) == pytest.approx(8 / 9)
    assert cosine(np.array([1, 0]), np.array([0, 1])) == 0
    assert cosine(np.array([3, -4]), np.array([-3, 4])) == pytest.approx(-1)


def test_pearson_of_small_vectors():
    assert pearson(np.array([1, 2, 3, 4]), np.array([1, 3, 2, 4])) == pytest.approx(0.8)
    assert pearson(np.array([1, 2, 3]), np.array([5, 3, 1])) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.full(1000, 0.1, dtype=np.float32), np.random.default_rng(0).random(1000)),
        (np.arange(5.0), np.full(5, 2.0)),
        (np.full(700, np.float32(0.3)), np.full(700, np.float32(0.7))),
        (np.zeros(0), np.zeros(0)),
        (np.array([1.0]), np.array([2.0])),
        (np.array([1.0, 5.0]), np.array([2.0, 3.0])),
    ],
    ids=["first constant", "second constant", "both constant", "nothing", "one value", "two values"],
)
def test_pearsons_coefficient_is_not_defined_without_variation_or_of_two_values(a, b):
    assert np.isnan(pearson(a, b))


def test_the_cosine_of_a_vector_of_zeros_is_not_defined():
    assert np.isnan(cosine(np.zeros(3), np.ones(3)))
    assert np.isnan(cosine(np.zeros(0), np.zeros(0)))
    assert cosine(np.full(3, 1e-160), np.full(3, 2e-160)) == pytest.approx(1)  # though the squares' product is 0


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_pearson_does_not_see_scale_and_shift_and_cosine_not_scale(seed, scale, shift):
    a, b = np.random.default_rng(seed).random((2, 40))
    assert pearson(a, scale * b + shift) == pytest.approx(pearson(a, b), abs=1e-9)
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    assert cosine(a, scale * b) == pytest.approx(cosine(a, b), abs=1e-12)


def test_large_offsets_in_float32_keep_their_digits():
    noise = np.random.default_rng(0).standard_normal((30, 30, 30)).astype(np.float32)
    a, b = noise + np.float32(1000), 2 * noise + np.float32(500)
    assert pearson(a, b) == pytest.approx(1, abs=1e-6)


def test_chimeraxs_correlations_are_the_cosine_and_pearsons():
    a, b = np.array([2.0, 3.0, 4.0]), np.array([1.0, 1.0, 2.0])
    correlation, about_mean = chimerax_correlation(a, b)
    assert correlation == pytest.approx((2 + 3 + 8) / np.sqrt(29 * 6))
    assert about_mean == pytest.approx(np.corrcoef([2, 3, 4], [1, 1, 2])[0, 1])


def test_of_a_mask_with_itself_the_cosine_is_1_and_the_correlation_about_mean_is_not_defined():
    correlation, about_mean = chimerax_correlation(np.ones(50), np.ones(50))
    assert correlation == pytest.approx(1)
    assert np.isnan(about_mean)


def test_the_first_level_is_the_ninety_ninth_percentile():
    data = np.random.default_rng(0).permutation(np.arange(10_000.0)).reshape(10, 20, 50)
    assert (data > chimerax_level(data)).sum() == 100


def test_the_strong_part_is_the_strongest_tenth_of_the_non_zero_voxels_scaled_to_1():
    data = np.concatenate([np.zeros(500), np.arange(1, 101)]).reshape(10, 10, 6)
    kept = strong_part(data).ravel()
    # the 90th percentile of 1 ... 100 is 90.1
    assert np.flatnonzero(kept).tolist() == list(range(590, 600))
    assert np.allclose(kept[590:], np.arange(91, 101) / 100)
    assert kept.max() == 1


def test_zeros_do_not_shift_the_percentile_of_the_strong_part():
    data = np.random.default_rng(0).random((8, 8, 8))
    padded = np.pad(data, 4)
    assert np.allclose(strong_part(padded)[4:-4, 4:-4, 4:-4], strong_part(data))


def test_an_empty_map_has_no_strong_part():
    assert not strong_part(np.zeros((3, 3, 3))).any()


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity, one window of 7 voxels a side after another."""
    values = []
    for corner in np.ndindex(*(n - 6 for n in a.shape)):
        window = tuple(slice(c, c + 7) for c in corner)
        p, q = a[window].ravel(), b[window].ravel()
        covariance = np.cov(p, q)
        values.append(
            (2 * p.mean() * q.mean() + 0.01**2)
            * (2 * covariance[0, 1] + 0.03**2)
            / ((p.mean() ** 2 + q.mean() ** 2 + 0.01**2) * (covariance[0, 0] + covariance[1, 1] + 0.03**2))
        )
    return float(np.mean(values))


@pytest.mark.parametrize("shape", [(7, 7, 7), (9, 8, 11), (10, 12, 7)])
@pytest.mark.parametrize("mix", [0.0, 0.5, 0.95])
def test_ssim_agrees_with_a_loop_over_windows(shape, mix):
    a, noise = np.random.default_rng(1).random((2, *shape))
    b = mix * a + (1 - mix) * noise
    assert ssim(a, b) == pytest.approx(slow_ssim(a, b), abs=1e-9)


def test_ssim_of_a_map_with_itself_is_1_and_does_not_mind_the_order():
    a, b = np.random.default_rng(2).random((2, 9, 9, 9))
    assert ssim(a, a) == pytest.approx(1)
    assert ssim(a, b) == pytest.approx(ssim(b, a))
    assert ssim(a, 1 - a) < 0


def test_ssim_needs_one_whole_window():
    with pytest.raises(ValueError, match="at least 7 voxels"):
        ssim(np.zeros((6, 9, 9)), np.zeros((6, 9, 9)))
