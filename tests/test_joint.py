"""Covariances from joint sums of groups: NumPy on the same errors, large biases, functions that are not finite."""

import math

import numpy as np
import pytest

from simcore import joint
from simcore.measures import efficiency_det, efficiency_trace
from simcore.sums import GROUPS

RNG = np.random.default_rng(12)
ERRORS = RNG.normal(size=(3, 6400))
ERRORS[2] += 0.5 * ERRORS[0]


def sums_of(errors):
    """(columns, GROUPS) as `sums.joint_columns` names them."""
    p, count = errors.shape
    groups = np.arange(count) % GROUPS
    rows = [np.ones(count), *errors, *(errors[j] * errors[k] for j in range(p) for k in range(j + 1))]
    return np.array([[row[groups == group].sum() for group in range(GROUPS)] for row in rows])


def test_the_matrix_is_that_of_numpy():
    own = joint.Covariances(sums_of(ERRORS), 3)
    np.testing.assert_allclose(own.whole, np.cov(ERRORS), rtol=1e-12)
    kept = np.arange(6400) % GROUPS != 7
    np.testing.assert_allclose(own.parts[7], np.cov(ERRORS[:, kept]), rtol=1e-12)


def test_the_jackknife_knows_the_error_of_a_variance():
    """Of normal errors: 2 sigma^4 / R; 31 groups know it to a fifth."""
    own = joint.Covariances(sums_of(ERRORS), 3)
    value, mcse, low, high = joint.jackknife(lambda v: v[0][0], own)
    assert mcse == pytest.approx(math.sqrt(2 / 6400), rel=0.4)
    assert high - value == pytest.approx(value - low) and high - value > 1.96 * mcse


@pytest.mark.parametrize("bias, known", [(1e3, True), (1e7, False)])
def test_a_bias_that_hides_the_spread_leaves_no_number(bias, known):
    own = joint.Covariances(sums_of(ERRORS + bias), 3)
    assert math.isfinite(joint.jackknife(lambda v: v[2][0], own)[0]) == known
    value, mcse, _, _ = joint.jackknife(lambda v: v[0][0], own)
    assert math.isfinite(value) == math.isfinite(mcse) == known
    if known:
        assert value == pytest.approx(np.var(ERRORS[0], ddof=1), rel=1e-6)


@pytest.mark.parametrize("exponent", [-1000, -600, -520, -490, -300, 0, 300, 480, 510, 1000])
def test_errors_of_any_size_have_their_covariance_or_none(exponent):
    """In units of a power of two everything is that power times what it was, to the bit; or no number."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        plain, scaled = (joint.Covariances(sums_of(np.ldexp(ERRORS, e)), 3) for e in (0, exponent))
    for j, k in ((0, 0), (2, 0)):
        found = joint.jackknife(lambda v, j=j, k=k: v[j][k], scaled)
        if abs(exponent) > 500:
            assert all(map(math.isnan, found))
        else:
            expected = joint.jackknife(lambda v, j=j, k=k: v[j][k], plain)
            assert list(found) == [math.ldexp(number, 2 * exponent) for number in expected]
    for measure in (efficiency_det, efficiency_trace):
        found, expected = (joint.jackknife(measure.joint, own, own)[0] for own in (scaled, plain))
        assert math.isnan(found) if abs(exponent) > 500 else found == expected == 1.0


def test_coefficients_of_very_different_sizes():
    """The determinant of variances of 2^-900, 1 and 2^900, and of one whose determinant alone would vanish."""
    for exponents in ((-450, 0, 450), (-400, -400, -400), (400, 400, 400)):
        own = joint.Covariances(sums_of(np.ldexp(ERRORS, np.array(exponents)[:, None])), 3)
        other = joint.Covariances(sums_of(np.ldexp(ERRORS, np.array(exponents)[:, None]) * 2.0), 3)
        assert joint.jackknife(efficiency_det.joint, own, other)[0] == pytest.approx(4.0, rel=1e-12)


@pytest.mark.parametrize("bias, known", [(1e3, True), (1e7, False)])
def test_a_bias_hides_what_is_left_beside_a_control_variate_too(bias, known):
    own = joint.Covariances(np.concatenate([sums_of(ERRORS), sums_of(1e-3 * ERRORS + bias)[1:]]), 3, np.eye(3))
    value, *_ = joint.jackknife(lambda v: v[0][0], own)
    assert value == pytest.approx(1.0, rel=1e-5) if known else math.isnan(value)


def test_efficiencies_of_nothing_are_no_numbers():
    nothing, some = [[0.0, 0.0], [0.0, 0.0]], [[2.0, 1.0], [1.0, 3.0]]
    for measure in (efficiency_det, efficiency_trace):
        assert math.isnan(measure.joint(nothing, some))
        assert measure.joint(some, some) == pytest.approx(1.0)
    assert efficiency_det.determinant(some) == pytest.approx(5.0)
