"""Regressors with the tails of Student's t: few points far off carry most of the leverage."""

from simcore.distributions import student_t
from simcore.registry import POSITIVE, Design, Parameter

PLUGIN = Design(
    "student_t",
    "columns of Student's t: some points have high leverage",
    parameters=(Parameter("df", "degrees of freedom; few make leverage points", POSITIVE),),
    draw=student_t.draw,
)
