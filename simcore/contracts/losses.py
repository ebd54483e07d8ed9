"""The contract of a loss: psi = rho', its flags are true, compiled it has the bits of plain code.

Derivatives are checked as integrals (rho(b) - rho(a) = integral of psi), for a difference quotient of float64 functions
loses half of their digits. A piece on which that fails is halved, again and again: what is left is a kink or a jump.
"""

import numpy as np

from simcore import jit
from simcore.contracts import finite
from simcore.contracts.faults import EPS, Fault, cases, counted, numbers_of, on_lanes, over, plainest, same_bits, told
from simcore.lanes import WIDTH, load, store
from simcore.registry import Loss

# Steps of 7 % from 1e-3 to 60: a Gauss rule with 12 nodes is exact to the last bit on each for a function whose
# nearest singularity is 0 (its error falls like 118^-12).
_EDGES = 1e-3 * 1.07 ** np.arange(163)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_MOST_PIECES = 64  # that do not fit, of halves of halves: beyond, it is no matter of single points
_HALVINGS, _NARROW = 48, 20  # how often pieces are halved, and after how many of these only jumps are left
VERBS = ("rho", "psi", "psi_prime", "weight")
rho = psi = psi_prime = weight = None  # open names of _all_verbs


def faults(loss, rounding=16.0):
    """The `Fault`s of a `registry.Loss`. rounding: how many eps of all that is added up its functions may be off."""
    chosen, bends = cases(loss, loss.conflict), []
    yield from over(chosen, lambda values: at(loss, values, rounding, bends))
    if loss.smooth and bends:
        yield Fault(f"psi or psi' jumps, at r = {bends[0]:.6g}: say smooth=False")
    if not loss.smooth and not bends:
        yield Fault("psi and psi' do not jump: with smooth=True fits of regressions end sooner", broken=False)
    yield from compiled_faults(loss, chosen)


def at(loss, values, rounding=16.0, bends=None):
    """Its faults at some values of its parameters, but for those of compilation. bends: a list to which the places are
    added where psi or psi' jumps."""
    verbs = {verb: _verb(getattr(loss, verb), values) for verb in VERBS}
    if found := [*finite.faults(loss, values, verbs, residuals())]:
        yield from found  # all else would be told of it once more
        return
    narrow, jumps = [0.0], []
    yield from _derivative("psi", "rho", verbs["rho"], verbs["psi"], rounding, [], [])
    yield from _derivative("psi_prime", "psi", verbs["psi"], verbs["psi_prime"], rounding, narrow, jumps)
    yield from _jumps(verbs["psi"], jumps, loss.jumps(**values))
    if bends is not None:
        bends += [place for place in narrow if any(_jumps_at(verbs[verb], place) for verb in ("psi", "psi_prime"))]
    yield from _flags(loss, values, verbs)
    yield from _weight(verbs, rounding)
    yield from _growth(loss, values, verbs)


def _verb(function, values):
    p = counted(values.values())
    return lambda r: on_lanes(function, r, p)


def _misfit(function, derivative, a, b, rounding):
    """|F(b) - F(a) - integral of f| over what rounding allows, and the size of that difference: float64 (k,) each."""
    half, middle = 0.5 * (b - a), 0.5 * a + 0.5 * b
    values = derivative(middle[:, None] + half[:, None] * _NODES)
    ends = function(a), function(b)
    sizes = np.abs(half) * (np.abs(values) @ _WEIGHTS)
    allowed = np.abs(ends[0]) + np.abs(ends[1]) + sizes + np.max(np.abs(function(np.array([1.0]))))
    off = np.abs((ends[1] - ends[0]) - half * (values @ _WEIGHTS))
    return off / (rounding * EPS * allowed + 1e-300), off


def _jumps_at(function, place):
    return np.ptp(function(place + max(1.0, abs(place)) * np.array([-1e-6, -1e-9, 1e-9, 1e-6]))) > 1e-5


def _derivative(name, of, function, derivative, rounding, narrow, jumps):
    """Whether one function is the derivative of another. Added to `narrow`: where that fails next to single points; to
    `jumps`: where the other one jumps."""
    near, far = np.concatenate([[0.0], _EDGES[:-1]]), _EDGES
    a, b = np.concatenate([near, -far]), np.concatenate([far, -near])
    for halving in range(_HALVINGS):
        ratio, off = _misfit(function, derivative, a, b, rounding)
        wrong = ~(ratio <= 1.0)
        if np.count_nonzero(wrong) > _MOST_PIECES:
            yield Fault(_told_apart(name, of, function, derivative, a[wrong], b[wrong], off[wrong]))
            return
        a, b = a[wrong], b[wrong]
        if not len(a):
            return
        if halving == _NARROW:
            narrow += (0.5 * a + 0.5 * b).tolist()
        middle = 0.5 * a + 0.5 * b
        a, b = np.concatenate([a, middle]), np.concatenate([middle, b])
    _, off = _misfit(function, derivative, a, b, rounding)
    places = 0.5 * a[off > 1e-6] + 0.5 * b[off > 1e-6]
    for place in np.unique(np.where(np.abs(places) < 1e-12, 0.0, places)).tolist():
        step = 16 * EPS * abs(place) or 1e-300
        if not np.ptp(function(np.array([place - step, place + step]))) > 1e-6:
            continue  # it is only steep there
        jumps.append(place)
        if of == "rho":
            yield Fault(f"rho jumps at r = {place:.6g}: it must be continuous")


def _told_apart(name, of, function, derivative, a, b, off):
    """Of the pieces that fail the one nearest to 1, of those that are clearly off; in numbers."""
    clear = off >= 0.1 * np.median(off / np.abs(b - a)) * np.abs(b - a)
    k = plainest(0.5 * a + 0.5 * b, clear)
    (low, high), (first, last) = (a[k], b[k]), function(np.array([a[k], b[k]]))
    integral = _integral(derivative, low, high)
    slope, mean = (last - first) / (high - low), integral / (high - low)
    digits = 6 if abs(slope - mean) > 1e-4 * abs(slope) else 12
    return (
        f"{name} is not the derivative of {of}: from r = {low:.4g} to {high:.4g} {of} has a slope of "
        f"{slope:.{digits}g} on average, and {name} is {mean:.{digits}g}: mend {name}, or {of}"
    )


def _integral(function, low, high):
    half = 0.5 * (high - low)
    return half * (function(0.5 * (low + high) + half * _NODES) @ _WEIGHTS)


def _jumps(psi, found, claimed):
    """Psi jumps at the places that the loss says, and nowhere else."""
    near = [any(abs(place - own) <= 1e-9 * max(1.0, abs(own)) for own in claimed) for place in found]
    for place, known in zip(found, near, strict=True):
        if not known:
            yield Fault(f"psi jumps at r = {place:.6g}, which jumps(**values) does not say")
    for own in claimed:
        step = 1e-100 if own == 0.0 else 4 * EPS * abs(own)
        below, above = psi(np.array([own - step, own + step]))
        if not abs(above - below) > 1e-3:
            yield Fault(f"psi does not jump at r = {own:.6g}, though jumps(**values) says so")


def residuals():
    """Residuals of all sizes and both signs, without 0."""
    sizes = np.concatenate([_EDGES, np.logspace(-300, 300, 61)])
    return np.unique(np.concatenate([sizes, -sizes]))


def _flags(loss, values, verbs):
    start, near, far = np.abs(verbs["psi"](np.array([1e50, 1e100, 1e200])))
    if loss.bounded(**values) and near <= start * (1 + 1e-9) and far > near * (1 + 1e-9):
        yield Fault(f"psi is {near:.6g} at r = 1e100, no more than before, but {far:.3g} at 1e200: give its limit")
    elif loss.bounded(**values) != bool(far <= near * (1 + 1e-9)):
        yield Fault(f"psi is {'not ' if loss.bounded(**values) else ''}bounded, {_though(loss, 'bounded', values)}")
    r = residuals()
    if loss.symmetric:
        yield from _even(verbs, r[r > 0.0])
    own = verbs["psi"](r)
    if (at := plainest(r, ~(own * np.sign(r) >= 0.0))) is not None:
        yield Fault(f"psi must have the sign of r: psi({r[at]:.6g}) = {own[at]:.6g}")
    for verb in ("rho", "weight"):
        own = verbs[verb](r)
        if (at := plainest(r, ~(own >= 0.0))) is not None:
            yield Fault(f"rho and weight must not be negative: {verb}({r[at]:.6g}) = {own[at]:.6g}")


def _though(loss, flag, values):
    """What a flag that is wrong says, who says so, and what to write instead."""
    own, head = getattr(loss, flag), " ".join(["lambda", ", ".join(values)]).strip()
    is_so, by_default = own(**values), " by default" * (own is Loss.__dataclass_fields__[flag].default)
    return f"though {flag} is {is_so}{by_default}: give {flag}={head}: {not is_so}"


def _even(verbs, r):
    for verb, function in verbs.items():
        sign = -1.0 if verb == "psi" else 1.0
        left, right = function(-r), function(r)
        if (at := plainest(r, left != sign * right)) is not None:
            size, digits = r[at], 6 if abs(left[at] - sign * right[at]) > 1e-5 * abs(right[at]) else 17
            yield Fault(
                f"{verb}(-{size:.6g}) = {left[at]:.{digits}g}, {verb}({size:.6g}) = {right[at]:.{digits}g}: not "
                f"{'odd' if verb == 'psi' else 'even'}{', to the last bit' * (digits > 6)}; where that is meant, give "
                "symmetric=False"
            )


def _weight(verbs, rounding):
    r = residuals()
    r = r[np.abs(r) > 1e-301]
    with np.errstate(over="ignore", invalid="ignore"):
        own, product = verbs["psi"](r), verbs["weight"](r) * r
        off = np.abs(product - own) / (EPS * np.abs(own) + 1e-320)
    if (k := plainest(r, ~(off <= 0.375 * rounding))) is not None:
        digits = 6 if off[k] > 1e11 else 17
        yield Fault(
            f"weight(r) r is not psi(r): at r = {r[k]:.6g} it is {product[k]:.{digits}g}, and psi {own[k]:.{digits}g}: "
            "mend either; weight is psi(r) / r"
        )


def _growth(loss, values, verbs):
    """rho never decreases away from 0; psi never decreases where `monotone`, and comes down again where not. A power of
    r has a rounding error for each e-fold of it."""
    r = residuals()
    rounding = 4 * EPS * (1.0 + np.abs(np.log(np.abs(r))))
    own, pull = verbs["rho"](r), verbs["psi"](r)
    with np.errstate(invalid="ignore"):  # inf - inf
        falls = np.diff(own[r > 0]) < -(rounding * own)[r > 0][1:]
    if np.any(falls):
        place = r[r > 0][1:][falls]
        yield Fault(f"rho decreases as r grows from 0: at r = {place[plainest(place, place > 0.0)]:.6g}")
    falls = np.diff(pull) < -(rounding * np.abs(pull))[1:]
    if loss.monotone(**values) and np.any(falls):
        ends = np.where(r[1:] > 0.0, r[:-1], r[1:])[falls]  # of each step the end that is nearer to 0
        place = min(ends, key=lambda end: (abs(end), -end))
        yield Fault(f"psi comes down at r = {place:.4g}, {_though(loss, 'monotone', values)}")
    if not loss.monotone(**values) and not np.any(falls):
        yield Fault(f"psi never comes down, {_though(loss, 'monotone', values)}")


def _all_verbs(x, p, out):
    for i in range(x.shape[0]):
        r = load(x, i)
        store(out, 4 * i, rho(r, p))
        store(out, 4 * i + 1, psi(r, p))
        store(out, 4 * i + 2, psi_prime(r, p))
        store(out, 4 * i + 3, weight(r, p))


def compiled_faults(loss, cases):
    """Whether the functions are compiled, and to the same bits as the plain ones. Raises UsageError where they are
    not compiled."""
    verbs = {verb: getattr(loss, verb) for verb in VERBS}
    compiled = jit.compiled(jit.rebound(_all_verbs, f"functions_{loss.name}", **verbs))
    x = np.resize([0.0, -0.0, np.inf, -np.inf, *residuals()], (-(-(4 + len(residuals())) // WIDTH), WIDTH))
    for values in cases:
        found = np.zeros((4 * len(x), WIDTH))
        compiled(x, numbers_of(values), found)
        for k, (verb, function) in enumerate(verbs.items()):
            plain = on_lanes(function, x, numbers_of(values))
            if not same_bits(found[k::4], plain):
                yield Fault(f"{verb} gives other bits compiled than as plain Python{told(values)}")
