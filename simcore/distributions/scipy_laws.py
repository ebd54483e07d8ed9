"""Any continuous distribution of SciPy, by its name there: `scipy.nct` is scipy.stats.nct.

SciPy says what its density is; from that a table of quantiles is made (see `density_quantiles`, `quantile_tables`), to
a relative error below 1e-9 down to shares of 2^-65, and it is held against SciPy's distribution functions. Nothing of
SciPy is imported before a scenario names one of its distributions.
"""

import functools

from simcore import quantile_tables
from simcore.jit import lane
from simcore.lanes import numbers_at, store
from simcore.library_laws import Law, names
from simcore.quantile_tables import quantile, region_and_share
from simcore.registry import Distribution, Family, Parameter
from simcore.streams import random_bits

_SLOW = {
    "levy_stable": 'its density there is a numerical integral: write distribution = "stable"',
    "studentized_range": "its density there is a numerical integral, too slow and not right enough",
    "kstwo": "its density there is a numerical derivative",
}


@lane
def draw(stream, x, n, p):
    table, nodes, levels = numbers_at(p[0], p[1]), int(p[2]), int(p[3])
    for i in range(n):
        word, stream = random_bits(stream)
        region, share = region_and_share(word)
        store(x, i, quantile(table, nodes, levels, region, share))


def _stats():
    """scipy.stats, or None."""
    try:
        from scipy import stats
    except ImportError:
        return None
    return stats


@functools.lru_cache(maxsize=1024)
def _law(name, shapes):
    return Law(getattr(_stats(), name), shapes)


@functools.cache
def member(name):
    """The record of a distribution of SciPy, or None."""
    stats = _stats()
    law = stats and getattr(stats, name, None)
    if not (stats and isinstance(law, stats.rv_continuous)):
        return None
    of = lambda values: _law(name, tuple(values.values()))  # noqa: E731
    about = (law.__doc__ or "").strip().partition("\n")[0].rstrip(".") or "a continuous random variable"
    return Distribution(
        f"scipy.{name}",
        f"scipy.stats.{name}: {about[0].lower()}{about[1:]}",
        "SciPy (Virtanen et al. 2020)",
        tuple(Parameter(shape, f"shape {shape} of scipy.stats.{name}") for shape in names(law)),
        draw=draw,
        numbers=lambda values: of(values).numbers(),
        fingerprint=lambda values: of(values).fingerprint,
        conflict=lambda **values: _conflict(law, values),
        tail_index=lambda **values: of(values).tail_index,
        symmetric=lambda **values: of(values).symmetric,
        mean=lambda **values: of(values).mean,
        stretched=lambda **values: of(values).stretched,
        no_score=lambda **values: "the score of errors from SciPy is not known",
        log_density=lambda z, p: _law(name, tuple(map(float, p))).of("logpdf", z),
        pieces=lambda **values: quantile_tables.pieces(*of(values).table, of(values).tail_index),
    )


def _conflict(law, values):
    """What is wrong with shapes, and what would be right."""
    if law.name in _SLOW:
        return f"cannot be drawn from SciPy's {law.name}", _SLOW[law.name]
    low, high = law.support(*values.values())
    if low < high:  # NaN where shapes are not allowed
        return None
    given = ", ".join(f"{name} = {value:g}" for name, value in values.items())
    return f"has no such distribution ({given})", f"see which shapes scipy.stats.{law.name} allows"


def members():
    stats = _stats()
    return [name for name in dir(stats) if stats and isinstance(getattr(stats, name), stats.rv_continuous)]


def lacking():
    return None if _stats() else ("needs SciPy, which is not installed", "run: pip install 'simcore[scipy]'")


FAMILY = Family(
    "scipy",
    'any continuous distribution of SciPy, by its name there: { scipy = "nct", df = 3, nc = 1 }; not the name, but its '
    "shapes are parameters",
    member,
    members,
    lacking,
)
