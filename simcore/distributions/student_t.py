"""Student's t with any df > 0, by polar methods: a radius and the sine of a uniform angle."""

import math

import numpy as np

from simcore.fmath import log, log1p, root_expm1, sin_pi
from simcore.jit import lane
from simcore.lanes import root, store
from simcore.registry import POSITIVE, Distribution, Parameter
from simcore.streams import symmetric, uniform


@lane
def draw(stream, x, n, p):
    df = p[0]
    if df == 3.0:
        _draw_t3(stream, x, n)
        return
    for i in range(n):
        u, stream = uniform(stream)
        s, stream = symmetric(stream)
        # Bailey (1994): sqrt(df (u^(-2/df) - 1)) times the sine of a uniform angle.
        store(x, i, np.sqrt(df) * root_expm1(log(u) * (-2.0 / df)) * sin_pi(s))


@lane
def _draw_t3(stream, x, n):
    # T^2 / (3 + T^2) is Beta(1/2, 3/2), the product of a uniform and a squared sine: no logarithm is needed.
    for i in range(n):
        w, stream = uniform(stream)
        s, stream = symmetric(stream)
        c = sin_pi(s)
        store(x, i, c * root(3.0 * w / (1.0 - w * c * c)))


@lane
def score(z, p):
    return (p[0] + 1.0) / (p[0] + z * z) * z  # in this order z^2 may overflow


@lane
def log_density(z, p):
    return (-0.5 * (p[0] + 1.0)) * log1p(z * z / p[0])


PLUGIN = Distribution(
    "student_t",
    "Student's t; its variance is df / (df - 2), where df > 2",
    "Bailey (1994)",
    (Parameter("df", "degrees of freedom, not only whole ones", POSITIVE),),
    draw=draw,
    tail_index=lambda df: df,
    mean=lambda df: 0.0 if df > 1.0 else None,
    score=score,
    log_density=log_density,
    information=lambda df: (df + 1.0) / (df + 3.0),
    features=lambda df: ((0.0, min(1.0, math.sqrt(df))),),
)
