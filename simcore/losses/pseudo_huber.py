"""The pseudo-Huber or Charbonnier loss (Charbonnier et al. 1994): a smooth Huber, absolute far out."""

from simcore.jit import lane
from simcore.lanes import fma, magnitude, maximum, minimum, root, splat
from simcore.registry import POSITIVE, Loss, Parameter


@lane
def _length(size):
    """sqrt(1 + u^2) for u = size >= 0; where the square would overflow, u."""
    near = minimum(size, splat(1e150))
    return maximum(root(fma(near, near, splat(1.0))), size)


@lane
def rho(r, p):
    size = magnitude(r) * (1.0 / p[0])  # sqrt(1 + u^2) - 1, without cancellation at the centre
    return (p[0] * p[0]) * (size * (size / (1.0 + _length(size))))


@lane
def psi(r, p):
    return r * (1.0 / _length(magnitude(r) * (1.0 / p[0])))


@lane
def psi_prime(r, p):
    w = 1.0 / _length(magnitude(r) * (1.0 / p[0]))
    return w * w * w


@lane
def weight(r, p):
    return 1.0 / _length(magnitude(r) * (1.0 / p[0]))


PLUGIN = Loss(
    "pseudo_huber",
    "a smooth Huber, its psi within delta scales; delta = 1.2871 is 95 % efficient under the normal",
    "Charbonnier, Blanc-Feraud, Aubert & Barlaud (1994)",
    (Parameter("delta", "bound of psi, about where the loss turns linear, in scales", POSITIVE, 1.2871),),
    rho=rho,
    psi=psi,
    psi_prime=psi_prime,
    weight=weight,
    also=("smooth_huber", "charbonnier"),
)
