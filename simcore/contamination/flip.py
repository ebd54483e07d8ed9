"""Label noise: some labels are replaced by another one."""

from simcore.jit import lane
from simcore.lanes import load, select, store
from simcore.registry import PROPORTION, Contamination, Parameter
from simcore.streams import uniform


@lane
def apply(stream, x, n, p):
    classes, fraction = int(p[0]), p[3]
    for i in range(n):
        u, stream = uniform(stream)
        v, stream = uniform(stream)
        label = load(x, n * classes + i)
        moved = label + 1.0
        for k in range(1, classes - 1):
            moved = select(v * (classes - 1.0) > float(k), label + (k + 1.0), moved)
        moved = select(moved >= float(classes), moved - float(classes), moved)
        store(x, n * classes + i, select(u < fraction, moved, label))


PLUGIN = Contamination(
    "flip",
    "with probability `fraction` a label is replaced by one of the others",
    "Angluin & Laird (1988)",
    (Parameter("fraction", "probability that a label is wrong, for each by itself", PROPORTION),),
    apply=apply,
    problem="classification",
)
