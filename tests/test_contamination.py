"""Contamination: how many observations become outliers, and what exactly stands in their place.

Standard errors, uniforms of the contamination stream and the rule of each kind give every observation to the bit.
"""

import math

import numpy as np
import pytest

from simcore import streams
from simcore.lanes import WIDTH
from simcore.registry import plugins
from tests.oracles import streams as oracle
from tests.running import same_bits, samples

LOC, SCALE, FRACTION = -2.5, 3.7, 0.1
# Kind: the numbers after loc and scale, without the fraction, and what an outlier is, from its scaled error.
RULES = {
    "none": ((), None),
    "point": ((17.3,), lambda scaled, at: np.full_like(scaled, at)),
    "scale": ((9.1,), lambda scaled, ratio: LOC + scaled * ratio),
    "shift": ((10.3,), lambda scaled, size: LOC + (scaled + size)),
}
N, GROUPS = 50, 500  # 200000 observations


def _numbers(kind, fraction=FRACTION):
    return (LOC, SCALE, *((fraction,) if kind != "none" else ()), *RULES[kind][0])


def _contaminated(kind, fraction=FRACTION, compiled=True, groups=GROUPS, n=N):
    return samples("normal", (), n, groups, bad=(kind, _numbers(kind, fraction)), compiled=compiled)


def _expected(kind, outlier):
    """Every observation, given which are outliers, from the standard errors of the same keys."""
    scaled = SCALE * samples("normal", (), N, GROUPS)[: len(outlier)]
    extra, rule = RULES[kind]
    return LOC + scaled if rule is None else np.where(outlier, rule(scaled, *extra), LOC + scaled)


def _uniforms(groups):
    """The uniforms of the contamination stream, from the oracle: (groups, N, WIDTH)."""
    cells = [oracle.stream(1, "contamination", "cell", replication) for replication in range(groups * WIDTH)]
    return np.array([[s.unit() for _ in range(N)] for s in cells]).reshape(groups, WIDTH, N).transpose(0, 2, 1)


def test_every_kind_is_here():
    """A kind of contamination that the registry finds and no rule here describes fails."""
    found = {name: plugin for name, plugin in plugins("contamination").items() if plugin.apply and not plugin.problem}
    assert set(found) == set(RULES)  # those that see the design of a regression: test_linear; of data sets: by problem
    for kind, plugin in found.items():
        assert len(plugin.parameters) == len(_numbers(kind)) - 2
    assert streams.PURPOSES == ("errors", "contamination", "design")


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("fraction", [0.0, FRACTION, 1.0])
def test_every_observation(kind, fraction):
    """To the bit: an outlier where the uniform is below the fraction, else loc + scale * error of the same errors.

    So drawing the contamination leaves the stream of the errors as it is, and loc and scale apply to both.
    """
    expected = _expected(kind, _uniforms(20) < fraction)
    assert same_bits(np.ascontiguousarray(_contaminated(kind, fraction, groups=20)), expected)


@pytest.mark.parametrize("kind", RULES)
def test_compiled_equals_plain(kind):
    """To the bit, for odd and even sizes."""
    for n in (1, 5, 20):
        modes = [np.ascontiguousarray(_contaminated(kind, compiled=c, groups=4, n=n)) for c in (True, False)]
        assert same_bits(*modes)


def _outliers(kind, fraction):
    clean = LOC + SCALE * samples("normal", (), N, GROUPS)
    return _contaminated(kind, fraction) != clean


@pytest.mark.parametrize("kind", ["point", "scale", "shift"])
@pytest.mark.parametrize("fraction", [0.01, FRACTION, 0.5])
def test_fraction_of_outliers(kind, fraction):
    """Binomial, each observation by itself: mean count, its variance over samples, no pull between neighbours."""
    outlier = _outliers(kind, fraction)
    variance = fraction * (1 - fraction)
    assert abs(outlier.mean() - fraction) < 4.5 * math.sqrt(variance / outlier.size)
    counts, samples_of_all = outlier.sum(axis=1), GROUPS * WIDTH
    kurtosis = 3 + (1 - 6 * variance) / (N * variance)
    spread = np.mean((counts - N * fraction) ** 2) / (N * variance)
    assert abs(spread - 1) < 4.5 * math.sqrt((kurtosis - 1) / samples_of_all)
    neighbours = (outlier[:, 1:] - fraction) * (outlier[:, :-1] - fraction)
    assert abs(neighbours.mean()) < 4.5 * variance / math.sqrt(neighbours.size)


def test_a_wrong_fraction_is_seen():
    """Broken twin: 0.105 of outliers is not within 4.5 standard errors of 0.1."""
    outlier = _outliers("shift", 0.105)
    assert abs(outlier.mean() - FRACTION) > 4.5 * math.sqrt(FRACTION * (1 - FRACTION) / outlier.size)


def test_outliers_do_not_depend_on_the_error():
    """Outlier or not is uncorrelated with the error that it would have had, and with its size."""
    errors = samples("normal", (), N, GROUPS)
    outlier = _outliers("shift", FRACTION) - FRACTION
    deviation = math.sqrt(FRACTION * (1 - FRACTION) / errors.size)
    assert abs(np.mean(outlier * errors)) < 4.5 * deviation
    assert abs(np.mean(outlier * (errors**2 - 1))) < 4.5 * deviation * math.sqrt(2)


def test_outliers_are_those_of_a_smaller_fraction_and_more():
    """The same uniforms decide: what is an outlier at 0.05 is one at 0.1, and kinds share their outliers."""
    few, many = _outliers("shift", 0.05), _outliers("shift", 0.1)
    assert np.all(many[few]) and many.sum() > few.sum()
    assert np.array_equal(many, _outliers("scale", 0.1)) and np.array_equal(many, _outliers("point", 0.1))
