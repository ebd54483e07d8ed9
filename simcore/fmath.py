"""Elementary functions of lane values from +, -, *, /, sqrt and fma alone, so that no bit depends on the CPU's libm.

Minimax polynomials (Remez, relative error below 1e-16 before rounding); `tests/test_fmath.py` holds them
against 50-digit values. Arguments outside the stated range are not checked: the samplers cannot produce them.
"""

from fractions import Fraction

import numpy as np

from simcore.jit import lane
from simcore.lanes import (
    bits,
    fma,
    from_bits,
    magnitude,
    maximum,
    minimum,
    nearest,
    root,
    select,
    splat,
)

_LOG = (
    -0.029117951484506837,
    0.0641827867508002,
    -0.06789068147684149,
    0.05941475757008938,
    -0.06033667746088764,
    0.06626044289929865,
    -0.07161756526381209,
    0.07697396639674625,
    -0.0833241458669578,
    0.0909059518823535,
    -0.10000025074271619,
    0.1111112179107563,
    -0.12499999637748234,
    0.14285714088905258,
    -0.1666666666905726,
    0.20000000001740337,
    -0.24999999999994896,
    0.3333333333332809,
)
_SIN = (
    7.69472732830679e-07,
    -2.1903185420805378e-05,
    0.0004662996887731736,
    -0.007370430478762461,
    0.0821458865698926,
    -0.5992645293187382,
    2.550164039877294,
    -5.167712780049969,
    3.141592653589793,
)
_TAN_SIN = (
    0.0004615144681242431,
    -0.007370018321452164,
    0.08214586894993453,
    -0.5992645289321699,
    2.550164039873266,
    -5.167712780049954,
    3.141592653589793,
)
_TAN_COS = (
    -0.00010356657139914815,
    0.0019294657199333434,
    -0.025806885671162672,
    0.23533063019291167,
    -1.3352627688520045,
    4.058712126416749,
    -4.934802200544679,
    1.0,
)
_ATAN = (
    0.02125988513747435,
    -0.0435909910459923,
    0.056925405177530926,
    -0.06641121521470038,
    0.07690068342877387,
    -0.09090782415764209,
    0.11111106653741028,
    -0.14285714195265373,
    0.1999999999908901,
    -0.3333333333333015,
)
_EXPM1 = (
    1.1562063610036458e-11,
    1.618648192869379e-10,
    2.0876058845740625e-09,
    2.50512800912317e-08,
    2.755732194647704e-07,
    2.755732187053922e-06,
    2.4801587295900956e-05,
    0.0001984126983699576,
    0.0013888888888894954,
    0.008333333333336506,
    0.04166666666666664,
    0.1666666666666666,
    0.5,
)
_LOG_TAIL = (
    0.13087026416654732,
    0.1326873192439653,
    0.15386241369799525,
    0.18181795606704038,
    0.22222222392057975,
    0.28571428570801927,
    0.4000000000000088,
    0.6666666666666666,
)
_TAN_EIGHTH = 0.41421356237309503  # tan(pi / 8)
_LN2_HIGH = 0.6931471803691238  # its low 32 bits are zero, so k * _LN2_HIGH is exact for |k| < 2^20
_LN2_LOW = 1.9082149292705877e-10


@lane
def polynomial(x, coefficients):
    """The polynomial with the given coefficients, highest power first.

    Even and odd powers by themselves: two short chains of dependent operations take half the time of Horner's one.
    """
    square = x * x
    one, other = splat(coefficients[0]), splat(coefficients[1])
    for i in range(2, len(coefficients) - 1, 2):
        one = fma(one, square, splat(coefficients[i]))
        other = fma(other, square, splat(coefficients[i + 1]))
    if len(coefficients) % 2 == 0:
        return fma(one, x, other)
    return fma(other, x, fma(one, square, splat(coefficients[-1])))


@lane
def log(u):
    """Natural logarithm of a positive normal number, absolute error 1 ulp of max(1, |log u|)."""
    k, f = _exponent_and_rest(u)
    p = polynomial(f, _LOG)
    square = f * f
    tail = fma(k, splat(_LN2_LOW), square * fma(f, p, splat(-0.5)))
    return fma(k, splat(_LN2_HIGH), f + tail)


@lane
def log1p(x):
    """log(1 + x) for x >= 0 (more than 1e308 counts as that), relative error 2 ulp."""
    x = minimum(x, splat(1e308))
    u = 1.0 + x
    return log(u) + (x - (u - 1.0)) / u  # the second term is what u lost by rounding


@lane
def exp(y):
    """exp(y), relative error 1 ulp; 0 below -708.8, and nothing exceeds exp(709)."""
    k, f = _without_powers_of_two(y)
    return (fma(f * f, expm1_tail(f), f) + 1.0) * _power_of_two(k)


@lane
def expm1(y):
    """exp(y) - 1, relative error 2 ulp; nothing exceeds exp(709)."""
    k, f = _without_powers_of_two(y)
    power = _power_of_two(k)
    return fma(power, fma(f * f, expm1_tail(f), f), power - 1.0)


@lane
def weighted(a, b, log_odds):
    """The mean of a and b, with weights whose ratio (b to a) has this logarithm; infinite log odds give a or b."""
    e = exp(-magnitude(log_odds))
    first = log_odds < 0.0
    return fma(select(first, b, a), e, select(first, a, b)) / (1.0 + e)


@lane
def root_expm1(y):
    """sqrt(exp(y) - 1) for y >= 0, without overflow before the result itself overflows (y > 1418: infinity)."""
    # y = 2 j log 2 + f, |f| <= log 2: exp(y) - 1 = 4^j (expm1(f) + 1 - 4^-j), and the root of 4^j is exact.
    y = minimum(y, splat(1500.0))
    j = nearest(y * 0.7213475204444817)
    f = fma(j, splat(-2.0 * _LN2_HIGH), y)
    f = fma(j, splat(-2.0 * _LN2_LOW), f)
    power = _power_of_two(minimum(j, splat(1024.0)))
    inverse = _power_of_two(maximum(-j, splat(-1023.0)))
    rest = 1.0 - inverse * inverse
    return root(fma(f * f, expm1_tail(f), f) + rest) * power


@lane
def sin_pi(s):
    """sin(pi s) for |s| <= 1/2, relative error 2 ulp."""
    return polynomial(s * s, _SIN) * s


@lane
def tan_pi(s):
    """tan(pi s) for |s| < 1/2, s not 0, relative error 4 ulp also next to the poles."""
    size = magnitude(s)
    near_zero = size < 0.25
    y = select(near_zero, size, 0.5 - size)  # exact
    q = y * y
    sine = polynomial(q, _TAN_SIN) * y
    cosine = polynomial(q, _TAN_COS)
    return with_sign(select(near_zero, sine, cosine) / select(near_zero, cosine, sine), s)


@lane
def atan2(y, x):
    """The angle of the point (x, y), from -pi to pi, relative error 2 ulp; sizes below 1e300 and not both 0."""
    up, across = magnitude(y), magnitude(x)
    large, small = maximum(up, across), minimum(up, across)
    middle = small > _TAN_EIGHTH * large  # tan(a - pi/4) = (tan a - 1) / (tan a + 1)
    t = select(middle, small - large, small) / select(middle, small + large, large)
    q = t * t
    angle = select(middle, splat(0.7853981633974483), splat(0.0)) + fma(t * q, polynomial(q, _ATAN), t)
    angle = select(up > across, 1.5707963267948966 - angle, angle)
    return with_sign(select(x < 0.0, 3.141592653589793 - angle, angle), y)


@lane
def with_sign(size, s):
    """size >= 0 with the sign of s."""
    return from_bits(bits(size) | (bits(s) & 0x8000000000000000))


@lane
def expm1_tail(f):
    """(exp(f) - 1 - f) / f^2 for |f| <= log 2, relative error 2 ulp."""
    return polynomial(f, _EXPM1)


@lane
def cos_pi(s):
    """cos(pi s) for |s| <= 1/2, relative error 2 ulp."""
    return sin_pi(0.5 - magnitude(s))


@lane
def product_parts(a, b):
    """(high, low): a b in two parts, exactly, the first its float64."""
    high = a * b
    return high, fma(a, b, -high)


@lane
def log_parts(u):
    """(high, low): log u of a positive normal number in two parts, the first its float64; relative error 2^-57.

    log m = 2 s + s^3 (2/3 + ...) with s = f / (2 + f): only the second part, 1 % of the first, is rounded.
    """
    k, f = _exponent_and_rest(u)
    total = 2.0 + f
    lost = f - (total - 2.0)
    inverse = 1.0 / total
    s = f * inverse
    s_low = (fma(-s, total, f) - s * lost) * inverse
    square = s * s
    tail = fma(s * square, polynomial(square, _LOG_TAIL), 2.0 * s_low)
    powers = k * _LN2_HIGH
    first = powers + 2.0 * s
    rest = (2.0 * s - (first - powers)) + fma(k, splat(_LN2_LOW), tail)
    high = first + rest
    return high, rest - (high - first)


@lane
def exp_sum(high, low):
    """exp(high + low) for |low| far below 1, relative error 1 ulp; from 0 to infinity."""
    k, f = _reduced(minimum(maximum(high, splat(-1400.0)), splat(1400.0)))
    f, near = f + low, _clipped(k)
    return (fma(f * f, expm1_tail(f), f) + 1.0) * _power_of_two(near) * _power_of_two(k - near)


@lane
def expm1_sum(high, low):
    """exp(high + low) - 1 for |low| far below high, relative error 2 ulp; from -1 to infinity."""
    k, f = _reduced(minimum(maximum(high, splat(-600.0)), splat(1400.0)))
    f, near = f + low, _clipped(k)
    rest = 1.0 - _power_of_two(-near)
    return (fma(f * f, expm1_tail(f), f) + rest) * _power_of_two(near) * _power_of_two(k - near)


@lane
def power(u, y, d):
    """u^(y / d) of positive normal u, relative error 1 ulp + 2^-57 |log|; from 0 to infinity, for |log| < 1e10."""
    return exp_sum(*_log_of_power(u, y, d))


@lane
def power_minus_1(u, y, d):
    """u^(y / d) - 1 of positive normal u, relative error 2 ulp + 2^-57 |log|; from -1 to infinity, as `power`."""
    return expm1_sum(*_log_of_power(u, y, d))


def of_numbers(function, *numbers):
    """A lane function of plain numbers: a plain number, with the bits that kernels get."""
    with np.errstate(all="ignore"):  # compiled code is silent too
        return float(function(*map(splat, numbers))[0])


def parts_of(exact):
    """(high, low): a Fraction in two parts, the first its float64."""
    return float(exact), float(exact - Fraction(float(exact)))


@lane
def _log_of_power(u, y, d):
    high, low = log_parts(u)
    product, rest = product_parts(high, y)
    inverse = 1.0 / d
    quotient = product * inverse
    return quotient, (fma(-quotient, d, product) + fma(low, y, rest)) * inverse


@lane
def _exponent_and_rest(u):
    """(k, f) with u = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)) and a whole number k."""
    # Subtracting the bits of sqrt(1/2) carries into the exponent.
    shifted = bits(u) - 0x3FE6A09E667F3BCD
    exponent = (shifted >> 52) + 2048 & 0xFFF
    k = from_bits(exponent | 0x4330000000000000) - 4503599627372544.0  # 2^52 + 2048
    return k, from_bits((shifted & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD) - 1.0


@lane
def quick_power(x, y):
    """x^y for a positive normal number x and |y log x| < 708, relative error 2 ulp and 2 |y log x| ulp besides."""
    return exp(y * log(x))


@lane
def tanh(x):
    """tanh(x), relative error 4 ulp; at most 1 in size, exactly odd."""
    e = expm1(-2.0 * magnitude(x))
    return with_sign((0.0 - e) / (2.0 + e), x)


@lane
def log1p_rest(x):
    """x - log(1 + x) for x >= 0, relative error 10 ulp."""
    f = minimum(x, splat(0.4))  # in reach of the polynomial: the first two terms of the series cancel exactly
    near = (f * f) * fma(-f, polynomial(f, _LOG), splat(0.5))
    return select(x <= 0.4, near, x - log1p(x))


@lane
def _without_powers_of_two(y):
    """(k, f) with y = k log 2 + f, |f| <= log(2) / 2 and a whole number k, for y clipped to +-709."""
    return _reduced(minimum(maximum(y, splat(-709.0)), splat(709.0)))


@lane
def _reduced(y):
    k = nearest(y * 1.4426950408889634)
    return k, fma(k, splat(-_LN2_LOW), fma(k, splat(-_LN2_HIGH), y))


@lane
def _clipped(k):
    """k where |k| <= 1000, else that with its sign: powers of two beyond float64 come in two factors."""
    return minimum(maximum(k, splat(-1000.0)), splat(1000.0))


@lane
def _power_of_two(k):
    """2^k for a whole number -1023 <= k <= 1024, as a float64; the ends give 0 and infinity.

    The low bits of k + 1.5 * 2^52 are those of the integer.
    """
    return from_bits(bits(k + 6755399441056767.0) << 52)
