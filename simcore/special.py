"""Special functions of lane values: the normal distribution function, medians of gamma and beta.

Built on `fmath` alone, so the bits do not depend on the CPU; `tests/test_special.py` says how accurate they are.
"""

from simcore.fmath import exp, polynomial
from simcore.jit import lane
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    invert,
    magnitude,
    minimum,
    root,
    select,
    splat,
)

# exp(z^2 / 2) (1 - Phi(z)) in y = 2 / (1 + z / 4) - 1: Chebyshev, on all z >= 0
_NORMAL_TAIL = (
    -7.206307532813257e-10,
    -4.249480770919973e-09,
    1.110277947024806e-08,
    3.77734639007379e-08,
    -9.618288669802502e-08,
    -1.8842762480312753e-07,
    6.629936620189049e-07,
    8.164700544540459e-07,
    -4.304277207356846e-06,
    -4.625453834265545e-06,
    2.8648570969502168e-05,
    4.5553073891493275e-05,
    -0.00018718431416416494,
    -0.000638813523618492,
    0.0005075620802331377,
    0.00849209544948319,
    0.030864804106005075,
    0.07170740733922915,
    0.12437925533927088,
    0.17039772154843527,
    0.09441064130196891,
)
# a (median of gamma(a) - a + 1/3) in 1 / a - 1: Chebyshev, on all a >= 1/2
_GAMMA_MEDIAN = (
    9.649183029327692e-08,
    -8.622543767598648e-08,
    -5.374739605669267e-07,
    5.368351478802398e-07,
    1.1385406453371398e-06,
    -1.1857335389584811e-06,
    -1.3273804013872772e-06,
    1.2803784432881626e-06,
    1.289187677814136e-06,
    -1.2983351740911516e-06,
    -3.883627956144475e-07,
    5.6702784079035e-07,
    -4.298083465314408e-07,
    1.654535068960434e-06,
    -3.752026763538627e-06,
    5.7872423990626995e-06,
    -5.734902111402786e-06,
    -2.4279552143659956e-06,
    3.1581988776515886e-05,
    -9.994212364552219e-05,
    0.00019583344094612086,
    -5.569829726918384e-05,
    -0.001621354155622223,
    0.005474655664788227,
    0.02648051389328022,
)
_MOST_FRACTIONS = 100_000  # never reached: some sqrt(max(a, b)) are needed
_MOST_STEPS = 100  # never reached: halving alone would end sooner
_NEAR = 2e-3  # a step of fourth order that is this short, in standard deviations, is the last one
_HUGE, _SAFE = 1e100, 8  # from where on tops and bottoms are scaled down; so many steps never overflow from there


@lane
def normal_cdf(z):
    """The normal distribution function, absolute error below 1e-15."""
    size = minimum(magnitude(z), splat(40.0))
    tail = polynomial(2.0 / fma(splat(0.25), size, splat(1.0)) - 1.0, _NORMAL_TAIL) * exp(-0.5 * size * size)
    return select(z < 0.0, tail, 1.0 - tail)


@lane
def gamma_median(a):
    """The median of a gamma with shape a >= 1/2 and scale 1, relative error below 1e-13.

    a - 1/3 and 8 / (405 a) and so on (Choi 1994), whose series diverges: a polynomial in 1 / a in its place.
    """
    inverse = 1.0 / a
    return a - 1.0 / 3.0 + polynomial(inverse - 1.0, _GAMMA_MEDIAN) * inverse


@lane
def beta_median(a, b):
    """The median of a beta with shapes a, b >= 1/2, absolute error below 1e-12.

    Steps of fourth order (the quantile's own Taylor series) on the distribution function, kept in a bracket. The start
    is Kerman's (2011) (a - 1/3) / (a + b - 2/3), and the next term of the gamma's series for both ends: it is so near
    that one step mostly is enough.
    """
    turned = a > b
    a, b = select(turned, b, a), select(turned, a, b)  # so the median is at most 1/2, and at most the mean
    total = a + b
    sd = root(a * b / (total + 1.0)) / total
    next_term = (8.0 / 405.0) * (1.0 / (a - 0.3) - 1.0 / (b - 0.3))
    low, high = splat(0.0), splat(0.5)
    x = minimum(((a - 1.0 / 3.0) + next_term) / (total - 2.0 / 3.0), high)
    done = x < 0.0
    for _ in range(_MOST_STEPS):
        y = 1.0 - x
        below, above = _beta_fractions(a, b, x)
        low, high = select(below < above, x, low), select(below > above, x, high)
        step = 0.5 * x * y * (below - above)  # what is below x beyond 1/2, over the density
        left, right = (a - 1.0) / x, (b - 1.0) / y
        slope = left - right  # of the log density
        bend = -left / x - right / y
        cubic = fma(2.0 * slope, slope, -bend) * (1.0 / 6.0)
        target = x - step * fma(step, fma(step, cubic, 0.5 * slope), splat(1.0))
        inside = both(target >= low, target <= high)
        target = select(inside, target, 0.5 * (low + high))
        near = both(inside, magnitude(target - x) <= _NEAR * sd)
        x = select(done, x, target)
        done = either(done, near)
        if not any_lane(invert(done)):
            break
    return select(turned, 1.0 - x, x)


@lane
def _beta_fractions(a, b, x):
    """What is below and what is above x, both over x^a (1 - x)^b / B(a, b), for x near the mean a / (a + b).

    The continued fraction of Didonato & Morris (1992), its top and bottom by their recurrence; as the two parts are 1
    together, they need not the beta function.
    """
    y = 1.0 - x
    ahead = fma(a, y, -b * x)
    inverse, other_inverse = 1.0 / (a + 1.0), 1.0 / (b + 1.0)
    top, bottom, top_before, bottom_before = splat(1.0), (1.0 + ahead) * a * inverse, splat(0.0), splat(1.0)
    other_top, other_bottom, other_top_before, other_bottom_before = (
        *(top, (1.0 - ahead) * b * other_inverse, top_before, bottom_before),
    )
    below, above = splat(0.0), splat(0.0)
    moving = x > 0.0
    for k in range(1, _MOST_FRACTIONS):
        n = float(k)
        pull, push, inverse = _next_fraction(a, b, x, 1.0 + ahead, n, inverse)
        top, top_before = fma(push, top, pull * top_before), top
        bottom, bottom_before = fma(push, bottom, pull * bottom_before), bottom
        pull, push, other_inverse = _next_fraction(b, a, y, 1.0 - ahead, n, other_inverse)
        other_top, other_top_before = fma(push, other_top, pull * other_top_before), other_top
        other_bottom, other_bottom_before = fma(push, other_bottom, pull * other_bottom_before), other_bottom
        below, above = select(moving, top / bottom, below), select(moving, other_top / other_bottom, above)
        still = either(
            _moved(top, bottom, top_before, bottom_before),
            _moved(other_top, other_bottom, other_top_before, other_bottom_before),
        )
        moving = both(moving, still)
        if not any_lane(moving):
            break
        if k % _SAFE == 0:
            scale = select(magnitude(bottom) > _HUGE, splat(1.0 / _HUGE), splat(1.0))
            top, bottom = scale * top, scale * bottom
            top_before, bottom_before = scale * top_before, scale * bottom_before
            scale = select(magnitude(other_bottom) > _HUGE, splat(1.0 / _HUGE), splat(1.0))
            other_top, other_bottom = scale * other_top, scale * other_bottom
            other_top_before, other_bottom_before = scale * other_top_before, scale * other_bottom_before
    return below, above


@lane
def _next_fraction(a, b, x, ahead, n, before):
    """(partial numerator, partial denominator, 1 / (a + 2 n + 1)), the last of which was `before` for n - 1."""
    inverse = 1.0 / (a + (2.0 * n + 1.0))
    partial = n * (b - n) * x
    pull = (a + (n - 1.0)) * (a + b + (n - 1.0)) * x * before * before * partial
    push = n + partial * before + (a + n) * inverse * fma(splat(n), 2.0 - x, ahead)
    return pull, push, inverse


@lane
def _moved(top, bottom, top_before, bottom_before):
    """Where the fraction was not yet what it is now."""
    product = top * bottom_before
    return magnitude(product - top_before * bottom) > 1e-15 * magnitude(product)
