"""Special functions of lanes against SciPy and 40-digit values, and the same bits plain and compiled."""

import mpmath
import numpy as np
import pytest
from scipy import special as scipy_special

from simcore import special
from tests.running import over_rows, rows_of, same_bits

SHAPES = rows_of(np.concatenate([np.linspace(0.5, 20.0, 600), np.geomspace(20.0, 1e6, 200)]))


def test_normal_cdf():
    z = rows_of(np.concatenate([np.linspace(-12.0, 12.0, 2000), [-1e300, 1e300, -40.0, 0.0, -0.0]]))
    assert np.max(np.abs(over_rows(special.normal_cdf, z, compiled=True) - scipy_special.ndtr(z))) < 1e-15


def test_gamma_median():
    exact = scipy_special.gammaincinv(SHAPES, 0.5)
    assert np.max(np.abs(over_rows(special.gamma_median, SHAPES, compiled=True) / exact - 1.0)) < 1e-13


@pytest.mark.parametrize("low, high", [(0.5, 1.0), (0.5, 5.0), (1.0, 50.0), (0.5, 1e4), (1e3, 1e6)])
def test_beta_median(low, high):
    rng = np.random.default_rng(3)
    a, b = np.exp(rng.uniform(np.log(low), np.log(high), (2, 400, 8)))
    b[:40] = a[:40]  # the median is 1/2, which SciPy 1.17 misses by up to 1e-8
    got = over_rows(special.beta_median, a, b, compiled=True)
    assert np.max(np.abs(got - scipy_special.betaincinv(a, b, 0.5))[40:]) < 1e-12
    assert np.max(np.abs(got[:40] - 0.5)) < 1e-15
    few = np.ascontiguousarray(a[::40]), np.ascontiguousarray(b[::40])
    assert same_bits(over_rows(special.beta_median, *few, compiled=False), got[::40].copy())


@pytest.mark.parametrize("name", ["normal_cdf", "gamma_median"])
def test_compiled_equals_plain(name):
    function, x = getattr(special, name), SHAPES[::4].copy()
    assert same_bits(*(over_rows(function, x, compiled=compiled) for compiled in (True, False)))


def test_medians_in_forty_digits():
    """Where the distribution function is 1/2 to the last digit, whatever SciPy does."""
    with mpmath.workdps(40):
        for a in (0.5, 1.0, 2.5, 40.0):
            x = float(over_rows(special.gamma_median, rows_of([a]), compiled=True)[0, 0])
            density = mpmath.exp(-x + (a - 1) * mpmath.log(x) - mpmath.loggamma(a))
            assert abs((mpmath.gammainc(a, 0, x, regularized=True) - 0.5) / density) < 1e-13 * x
        for a, b in ((2.0, 5.0), (0.5, 9.5), (1.0, 1.5), (300.0, 7.0)):
            x = float(over_rows(special.beta_median, rows_of([a]), rows_of([b]), compiled=True)[0, 0])
            density = mpmath.mpf(x) ** (a - 1) * mpmath.mpf(1 - x) ** (b - 1) / mpmath.beta(a, b)
            assert abs((mpmath.betainc(a, b, 0, x, regularized=True) - 0.5) / density) < 1e-12
