"""No contamination: the observations are loc + scale * error."""

from simcore.jit import lane
from simcore.lanes import load, store
from simcore.registry import Contamination


@lane
def apply(stream, x, n, p):
    loc, scale = p[0], p[1]
    for i in range(n):
        store(x, i, loc + scale * load(x, i))


def components(values, scale):
    return ((1.0, 0.0, 1.0),)


PLUGIN = Contamination("none", "every observation is good", apply=apply, random=False, components=components)
