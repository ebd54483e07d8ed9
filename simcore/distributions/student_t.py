"""Student's t with any df > 0."""

import math

from simcore.fmath import log1p, sin_pi
from simcore.jit import lane
from simcore.lanes import root, store
from simcore.registry import POSITIVE, Distribution, Parameter
from simcore.streams import symmetric, uniform
from simcore.variates import student_t


@lane
def draw(stream, x, n, p):
    df = p[0]
    if df == 3.0:
        _draw_t3(stream, x, n)
        return
    for i in range(n):
        t, stream = student_t(stream, df)
        store(x, i, t)


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
    also=("t", "student", "students_t"),
)
