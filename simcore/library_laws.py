"""A continuous distribution of SciPy: its table of quantiles, which is held against SciPy's distribution functions, and
the facts that studies ask for. What raises, raises UsageError, which says what is wrong with it."""

import functools
import hashlib
import math
import warnings

import numpy as np

from simcore import density_quantiles, held, quantile_tables
from simcore.errors import UsageError
from simcore.quantile_tables import BELOW_QUARTER, quantile

_SHARES = (1e-10, 1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4)
_TESTED = (1e-12, 1e-9, 1e-6, 1e-4, 0.01, 0.1, 0.25, 0.4)
_MASS_OFF = 2e-10  # of a density whose integral should be 1
_NOISE = 1e-10  # relative, of shares
_RIGHT = 1e-9  # relative error of a quantile
_SAME = 1e-7  # beyond, a distribution function is of another distribution than the density
_FAR = np.array([1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12])  # scales from the centre
_DECADE = 2.302585092994046
_STEADY, _GROWING = 1e-3, 0.02  # changes of a tail's slope between these
_LONG = 10.0  # a tail that falls more slowly than this power at a share of 1e-6
_DIGITS = 40  # bits that are kept of a mean: libraries differ in the last between CPUs


class Law:
    """A distribution of SciPy at some shapes."""

    def __init__(self, law, shapes):
        self.law, self.shapes = law, shapes
        self.support = tuple(map(float, law.support(*shapes)))

    @property
    def label(self):
        shapes = ", ".join(f"{name}={value:g}" for name, value in zip(names(self.law), self.shapes, strict=True))
        return f"scipy.{self.law.name}" + f"({shapes})" * bool(shapes)

    def of(self, verb, x):
        """A function of SciPy's, without its warnings; NaN where it fails."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of places where SciPy divides by 0
            try:
                return np.asarray(getattr(self.law, verb)(x, *self.shapes), dtype=float)
            except (ArithmeticError, ValueError, RuntimeError):
                return np.full(np.shape(x), np.nan)

    @functools.cached_property
    def middle(self):
        """(median, half the distance of the quartiles)."""
        low, centre, high = (float(self.of("ppf", share)) for share in (0.25, 0.5, 0.75))
        if not (math.isfinite(centre) and 0.0 < high - low < math.inf):
            raise self.wrong("SciPy does not know its quartiles")
        return (0.0 if self.symmetric else centre), 0.5 * (high - low)

    @functools.cached_property
    def symmetric(self):
        if self.support[0] != -self.support[1]:
            return False
        x = np.concatenate((np.ldexp(1.0, np.arange(-6, 7)), np.abs(self.of("ppf", np.array([0.1, 0.6, 0.8])))))
        x = x[np.isfinite(x)]
        one, other = self.of("pdf", x), self.of("pdf", -x)
        with np.errstate(invalid="ignore"):
            alike = (one == other) | (np.abs(one - other) <= 1e-12 * np.maximum(one, other))
        return bool(np.any(one > 0.0) and np.all(alike))

    @functools.cached_property
    def tail_index(self):
        """Of the heavier side: from slopes of the log density far out; None where these say nothing."""
        found = [self._index(side) for end, side in zip(self.support, (-1.0, 1.0), strict=True) if math.isinf(end)]
        return None if None in found else min(found, default=math.inf)

    def _index(self, side):
        """Where the slope stops to change: far out, but not where rounding leaves nothing of the density."""
        centre, scale = self.middle
        logs = self.of("logpdf", centre + side * scale * _FAR)
        if logs[0] == -np.inf:
            return math.inf
        logs = logs[: np.argmin(np.append(np.isfinite(logs), False))]
        slopes = -np.diff(logs) / _DECADE
        changes = np.abs(np.diff(slopes))
        if not len(changes):
            return math.inf if len(logs) else None
        steadiest = int(np.argmin(changes))
        if changes[steadiest] < _STEADY:
            index = float(slopes[steadiest + 1]) - 1.0
            near = round(index, 3)
            return near if abs(index - near) < _STEADY / 10 else index
        return math.inf if slopes[-1] > slopes[-2] + _GROWING else None

    @functools.cached_property
    def stretched(self):
        if self.tail_index != math.inf:
            return False
        centre, _ = self.middle
        for end, share in zip(self.support, (1e-6, 1.0 - 1e-6), strict=True):
            at = float(self.of("ppf", share)) - centre
            if math.isinf(end) and math.isfinite(at):
                logs = self.of("logpdf", centre + at * np.array([1.0, 1.01]))
                if (logs[0] - logs[1]) / 0.01 - 1.0 < _LONG:
                    return True
        return False

    @functools.cached_property
    def quantiles(self):
        """The `DensityQuantiles`, about the median. Raises UsageError."""
        centre, scale = self.middle
        try:
            for _ in range(3):
                found = self._quantiles_about(centre, scale)
                if self.symmetric or abs(found.lower - found.upper) < 1e-13:
                    break
                sign = 1.0 if found.upper > found.lower else -1.0
                centre = float(found.tail(sign, np.array([0.5 * found.mass]))[0][0])
        except density_quantiles.Unfit as error:
            raise self.wrong(error) from None
        if abs(found.mass - 1.0) > _MASS_OFF:
            raise self.wrong(f"SciPy's density has the integral 1 {found.mass - 1.0:+.1g}")
        if found.noise > _NOISE:
            raise self.wrong(f"SciPy's density is rough: shares have a relative error of {found.noise:.1g}")
        return found

    def _quantiles_about(self, centre, scale):
        marks = [self.of("ppf", np.array(own)) for own in (_SHARES, [1.0 - share for share in _SHARES[::-1]])]
        below, above = ([x for x in own if math.isfinite(x)] for own in marks)
        below, above = sorted(x for x in below if x < centre), sorted(x for x in above if x > centre)
        pdf, marks = functools.partial(self.of, "pdf"), (below, centre, above)
        with np.errstate(all="ignore"):
            return density_quantiles.DensityQuantiles(pdf, self.support, marks, scale)

    def _of_region(self, region, y):
        """Quantiles, and what their errors are measured against."""
        sign, inner = 1.0 if region > 1 else -1.0, region % 2
        x, density = (self.quantiles.from_centre if inner else self.quantiles.tail)(sign, y)
        share = 0.5 - y if inner else y
        return x, self._size(x, share / density)

    def _size(self, x, spread):
        """What errors of quantiles are measured against: their size, or where that is less how far the next octave of
        shares is away."""
        centre, scale = self.middle
        return np.maximum(
            np.minimum(spread, np.maximum(np.abs(x - centre), scale)), np.minimum(np.abs(x), 10.0 * scale)
        )

    @functools.cached_property
    def table(self):
        """(table, nodes, levels) as `quantile_tables.quantile` reads them. Raises UsageError."""
        try:
            with np.errstate(all="ignore"):  # places where a density vanishes
                found = quantile_tables.build(self._of_region, self.symmetric)
        except quantile_tables.Unfit as error:
            raise self.wrong(error) from None
        self._check(found)
        return found

    def _check(self, table):
        """Hold quantiles against SciPy's distribution functions."""
        shares = np.resize(np.array(_TESTED), (-(-len(_TESTED) // 8), 8))
        for sign, verb in ((-1.0, "cdf"), (1.0, "sf")):
            inner = shares > 0.25
            regions = np.where(inner, 1, 0) + (2 if sign > 0.0 else 0)
            y = np.where(inner, 0.5 - shares, shares)
            x = quantile(*table, regions.astype(np.uint64), np.minimum(y, BELOW_QUARTER))
            off, density = np.abs(self.of(verb, x) - shares), self.of("pdf", x)
            bad = ~((off <= _SAME) | (off <= _RIGHT * np.abs(x) * density))
            if bad.any():
                raise self.wrong(f"SciPy's density and {verb} disagree by {off[bad][0]:.1g} at {x[bad][0]:.6g}")

    @functools.cached_property
    def mean(self):
        if self.symmetric or self.tail_index is not None and self.tail_index <= 1.0:
            return 0.0 if self.tail_index is None or self.tail_index > 1.0 else None
        (_, scale), own = self.middle, self.quantiles.mean()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = float(self.law.mean(*self.shapes))
        trusted = abs(given - own) < 1e-8 * scale or self.tail_index is not None and self.tail_index < 1.2
        unit = math.ldexp(1.0, math.frexp(scale)[1] - _DIGITS)
        return round((given if trusted and math.isfinite(given) else own) / unit) * unit

    @functools.cached_property
    def fingerprint(self):
        """SHA-256 of all that a study reads of it."""
        table, nodes, levels = self.table
        facts = f"{nodes} {levels} {self.mean} {self.tail_index} {self.stretched} {self.symmetric}"
        return hashlib.sha256(facts.encode() + table.tobytes()).hexdigest()

    def numbers(self):
        table, nodes, levels = self.table
        return *held.place(held.table(self.fingerprint, lambda: table)), nodes, levels

    def wrong(self, what):
        return UsageError(f"errors: {self.label}: cannot be drawn: {what}; choose other shapes or another distribution")


def names(law):
    """Of its shapes."""
    return law.shapes.replace(" ", "").split(",") if law.shapes else []
