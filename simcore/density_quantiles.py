"""Quantiles of a distribution from its density alone, deep into both tails: what libraries give there is often a root
search on 1 - cdf, of which rounding leaves nothing.

The line is cut into panels on which Chebyshev polynomials serve for the density, in a coordinate u that grows like the
logarithm of the distance from an end, or from the centre where there is no end. Shares are sums of the panels' masses
from the end inwards, all of them positive, so that their relative error stays that of the density.
"""

import numpy as np

_NODES = 16
_DEEPEST = 2.0**-66  # shares that must be right
_SETTLED = 1e-13  # relative error of a share
_MOST_PANELS = 6000
_NOTHING = 1e-36  # a mass
_FARTHEST = 1e150  # errors that are of use
_NEAREST = 2.0**-36  # of an end that is not 0, relative: closer to it, all places are the same
_ROUNDING = 1e-16
_SAME = 1e-11  # scales: places that are one where the density vanishes
_STEP, _STEPS = 0.5, 16  # of u: panels that are tried farther out, and how many at once
_ANGLES = (np.arange(_NODES) + 0.5) * (np.pi / _NODES)
_AT = -np.cos(_ANGLES)
_ORDERS = np.arange(_NODES)
# Chebyshev coefficients from values at _AT, and those of the integral from the left end (times half the width).
_ANALYSIS = np.cos(np.outer(_ORDERS, np.pi - _ANGLES)) * (2.0 / _NODES)
_ANALYSIS[0] *= 0.5
_SIGNS = np.where(_ORDERS % 2 == 0, 1.0, -1.0)
_EVEN = np.where(_ORDERS % 2 == 0, 2.0 / (1.0 - _ORDERS * _ORDERS + (_ORDERS == 1)), 0.0)  # integrals of T_k


class Unfit(Exception):
    """A density from which no quantiles can be made; the message says why."""


class Side:
    """u >= 0 from the centre outwards: places, and how fast they go."""

    def __init__(self, centre, end, scale, sign):
        self.centre, self.end, self.scale, self.sign = centre, end, scale, sign
        self.bounded = np.isfinite(end)
        self._far = abs(end - centre) if self.bounded else scale

    def place(self, u):
        if not self.bounded:
            return self.centre + self.sign * self.scale * np.sinh(u)
        near = self.centre - self.sign * self._far * np.expm1(-u)
        return np.where(u < 0.7, near, self.end - self.sign * self._far * np.exp(-u))

    def speed(self, u):
        return self.scale * np.cosh(u) if not self.bounded else self._far * np.exp(-u)

    def u_of(self, x):
        far = np.maximum(self.sign * (x - self.centre), 0.0)
        if not self.bounded:
            return np.arcsinh(far / self.scale)
        return -np.log1p(-np.minimum(far / self._far, 1.0 - 1e-15))

    def last(self):
        """The largest u that is of use."""
        if not self.bounded:
            return np.arcsinh(_FARTHEST / self.scale)
        nearest = max(_NEAREST * abs(self.end), 1e-290)
        return max(np.log(self._far / nearest), 1.0)


class DensityQuantiles:
    """Of a density pdf(x) on a support. marks: places below the centre, it, and places above, all in order, that show
    where the mass is; scale: of the distances between them.

    `mass`: of the whole, which says how right the density is. `noise`: the largest relative error of a share that its
    own roughness makes. Raises Unfit.
    """

    def __init__(self, pdf, support, marks, scale):
        below, centre, above = marks
        self._halves = [
            _Half(pdf, Side(centre, end, scale, sign), own)
            for end, sign, own in zip(support, (-1.0, 1.0), (below[::-1], above), strict=True)
        ]
        _refine(self._halves)
        self.lower, self.upper = (float(half.total) for half in self._halves)
        self.mass = self.lower + self.upper
        self.noise = max(half.noise for half in self._halves)

    def tail(self, sign, v):
        """(places beyond which a share v is on a side, densities there), v below its mass."""
        return self._halves[sign > 0].of_tail(v)

    def from_centre(self, sign, y):
        """The same where a share y is between the centre and the place."""
        return self._halves[sign > 0].of_centre(y)

    def mean(self):
        """Where that exists."""
        return float(sum(half.moment() for half in self._halves) / self.mass)


class _Half:
    """Panels of one side, from the centre outwards."""

    def __init__(self, pdf, side, marks):
        self.pdf, self.side = pdf, side
        last = side.last()
        u = side.u_of(np.asarray(marks, dtype=float))
        u = np.unique(np.concatenate(([0.0], u[(u > 1e-9) & (u < last)], [min(_STEP, last)])))
        self.low, self.high = u[:-1], u[1:]
        self.coefficients = self.of_panels(self.low, self.high)
        if not np.all(np.isfinite(self.coefficients)):
            self.refuse(self.low[~np.isfinite(self.coefficients).all(axis=1)][0])
        while self._goes_on() and self.high[-1] < last:
            u = np.minimum(self.high[-1] + _STEP * np.arange(_STEPS + 1), last)
            new = self.of_panels(u[:-1], u[1:])
            good = np.isfinite(new).all(axis=1) & (u[1:] > u[:-1])
            count = len(good) if good.all() else int(np.argmin(good))
            self.low, self.high = np.concatenate((self.low, u[:count])), np.concatenate((self.high, u[1 : count + 1]))
            self.coefficients = np.concatenate((self.coefficients, new[:count]))
            if count < len(good):  # densities of 0 * infinity and the like
                break

    def _goes_on(self):
        return abs(self.coefficients[-1, 0]) * (self.high[-1] - self.low[-1]) > _NOTHING

    def refuse(self, u):
        raise Unfit(f"its density is not a finite number >= 0 near {float(self.side.place(u)):.6g}")

    def of_panels(self, low, high):
        u = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * _AT
        with np.errstate(all="ignore"):
            values = self.pdf(self.side.place(u).ravel()).reshape(u.shape) * self.side.speed(u)
        return np.where(values >= 0.0, values, np.nan) @ _ANALYSIS.T

    def measure(self):
        """Masses of panels, the closing mass beyond them, shares beyond their outer ends."""
        half = 0.5 * (self.high - self.low)
        self.masses = half * (self.coefficients @ _EVEN)
        c = self.coefficients[-1]
        at_end, at_start = c.sum(), c @ _SIGNS
        self.fall = 1.0
        self.rest = 0.0
        if at_end > 0.0 and at_start > at_end:
            self.fall = np.log(at_start / at_end) / (self.high[-1] - self.low[-1])
            self.rest = at_end / self.fall
        elif at_end > 0.0 and at_end * half[-1] > 1e-3 * _DEEPEST:
            raise Unfit(f"its density does not fall towards {float(self.side.place(self.high[-1])):.6g}")
        beyond = np.cumsum(np.concatenate(([self.rest], self.masses[::-1])))[::-1]
        self.beyond, self.total = beyond[1:], beyond[0]
        self.errors = (np.abs(self.coefficients[:, -1]) + np.abs(self.coefficients[:, -2])) * half
        self.errors += _ROUNDING * self.masses
        return self

    def needed(self):
        """What the error of a share is measured against: the share, or what moves the place by as much as it is."""
        low, high, scale = self.side.place(self.low), self.side.place(self.high), self.side.scale
        density = np.minimum(self.coefficients.sum(axis=1), self.coefficients @ _SIGNS) / self.side.speed(self.high)
        outer = np.maximum(self.beyond, np.maximum(density, 0.0) * np.minimum(np.abs(high), 10.0 * scale))
        width = np.abs(high - low)
        nearest = np.maximum(self.coefficients @ _SIGNS, 0.0) / self.side.speed(self.low)
        before = np.concatenate(([0.0], np.cumsum(self.masses)[:-1]))
        inner = np.maximum(np.maximum(before, nearest * scale), _NOTHING)
        return np.where(width > _SAME * scale, np.minimum(outer, inner), outer)

    def finest(self):
        """Panels that rounding of places leaves."""
        return 1e-14 * abs(self.side.centre) / self.side.scale + 1e-13 * self.low

    def split(self, coarse):
        middle = 0.5 * (self.low[coarse] + self.high[coarse])
        low = np.concatenate((self.low[coarse], middle))
        high = np.concatenate((middle, self.high[coarse]))
        new = self.of_panels(low, high)
        if not np.all(np.isfinite(new)):
            self.refuse(low[~np.isfinite(new).all(axis=1)][0])
        low, high = np.concatenate((self.low[~coarse], low)), np.concatenate((self.high[~coarse], high))
        order = np.argsort(low)
        self.low, self.high = low[order], high[order]
        self.coefficients = np.concatenate((self.coefficients[~coarse], new))[order]

    def finish(self):
        half = 0.5 * (self.high - self.low)
        c = np.concatenate((self.coefficients, np.zeros((len(half), 2))), axis=1)
        k = np.arange(1, _NODES + 1)
        integral = np.zeros((len(half), _NODES + 1))
        integral[:, 1:] = (c[:, k - 1] - c[:, k + 1]) / (2.0 * k)
        integral[:, 1] += 0.5 * c[:, 0]  # because T0 is counted twice in the rule
        self.integral = integral * half[:, None]
        self.before = np.cumsum(np.concatenate(([0.0], self.masses)))

    def moment(self):
        """The integral of places times density."""
        half = 0.5 * (self.high - self.low)
        u = (self.low + half)[:, None] + half[:, None] * _AT
        values = self.side.place(u) * (self.coefficients @ np.cos(np.outer(_ORDERS, np.pi - _ANGLES)))
        return np.sum(half * (values @ _ANALYSIS.T @ _EVEN)) + self.rest * self.side.place(self.high[-1])

    def of_tail(self, v):
        beyond = self.beyond[::-1]  # ascending: from outside inwards
        found = np.searchsorted(beyond, v, side="right") - 1
        k = len(self.low) - 1 - np.clip(found, 0, len(self.low) - 1)
        u, density = self._solve(k, v - self.beyond[k], 1.0)
        with np.errstate(all="ignore"):
            out = found < 0
            u = np.where(out, self.high[-1] + np.log(np.maximum(self.rest, 1e-300) / v) / self.fall, u)
            density = np.where(out, v * self.fall, density)
        return self.side.place(u), density / self.side.speed(u)

    def of_centre(self, y):
        k = np.clip(np.searchsorted(self.before, y, side="right") - 1, 0, len(self.low) - 1)
        u, density = self._solve(k, y - self.before[k], -1.0)
        return self.side.place(u), density / self.side.speed(u)

    def _solve(self, k, mass, end):
        """Where in panels k a mass lies between the place and their end -1 or 1."""
        c, b, half = self.coefficients[k], self.integral[k], 0.5 * (self.high - self.low)[k]
        b = b.copy()
        b[:, 0] = 0.0
        b[:, 0] = -_clenshaw(b, np.full(len(k), end))
        low, high, at = np.full(len(k), -1.0), np.ones(len(k)), -end * (2.0 * mass / self.masses[k] - 1.0)
        at = np.clip(at, -1.0, 1.0)
        for _ in range(60):
            off = -end * _clenshaw(b, at) - mass  # grows away from the end
            slope = _clenshaw(c, at) * half
            beyond = off * -end > 0.0
            high, low = np.where(beyond, at, high), np.where(beyond, low, at)
            with np.errstate(all="ignore"):
                step = at + end * off / slope
            new = np.where((step > low) & (step < high), step, 0.5 * (low + high))
            new = np.where(off == 0.0, at, new)
            done = np.abs(new - at).max(initial=0.0) < 1e-15
            at = new
            if done:
                break
        return self.low[k] + half * (at + 1.0), _clenshaw(c, at)


def _refine(halves):
    for _ in range(200):
        for half in halves:
            half.measure()
        for half in halves:
            off = half.errors / np.maximum(half.needed(), _DEEPEST)
            coarse = off > _SETTLED
            coarse &= half.high - half.low > half.finest()
            half.noise = off.max()
            half.coarse = coarse
        count = sum(len(half.low) for half in halves)
        if not any(half.coarse.any() for half in halves) or count > _MOST_PANELS:
            break
        for half in halves:
            if half.coarse.any():
                half.split(half.coarse)
    for half in halves:
        half.finish()


def _clenshaw(c, x):
    """Sums of Chebyshev series c (k, m) at x (k,)."""
    one = two = np.zeros_like(x)
    double = 2.0 * x
    for j in range(c.shape[1] - 1, 0, -1):
        one, two = c[:, j] + double * one - two, one
    return c[:, 0] + x * one - two
