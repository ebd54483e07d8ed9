"""Training from many starts: into which minima they run, and how the loss is bent on the way.

Newton's steps on the Hessian plus a damping (Levenberg 1944; Marquardt 1963) that makes it positive definite and grows
until the loss falls; each lane has its own. A lane that has come to rest takes the next start of its replication at
once, so that no lane waits for another until all starts are used up.

Of relu (see `hidden_layer`) a step that does not descend may have met a crease: the first kink on its way that comes to
an observation is then held there, and let go again where the loss falls to one side. A unit that is off at every
observation has no gradient but its decay, so it stays off: training rests there too, and calls it a minimum.
"""

import numpy as np

from simcore.codes import ITERATION, OK
from simcore.dense import factorise, inner, solve
from simcore.hidden_layer import HIDDEN, MODEL, RELU, evaluate_with, held_rows, point_rows, weight_count
from simcore.hidden_layer import scratch_rows as evaluation_rows
from simcore.jit import lane, rebound
from simcore.lanes import (
    any_lane,
    both,
    either,
    fma,
    gather,
    invert,
    load,
    magnitude,
    maximum,
    minimum,
    root,
    select,
    splat,
    splat_u64,
    store,
)

STARTS = 3  # place in the numbers: how many starts
TOLERANCE = 1e-8  # norm of a gradient, over max(1, loss), at which a start has come to rest
SAME, SAME_AT_LEAST = 1e-6, 1e-10  # losses so near, as a share of the larger or by themselves, are of one minimum
FLAT = 1e-10  # an eigenvalue counts as negative beyond this share of the Hessian's size
_MOST_TRIES = 1000  # evaluations of one start
_STUCK = 1e10  # damping, in sizes of the Hessian or the gradient, at which nothing descends
_FIRST_DAMPING = 1e-3
_ASIDE = 1e-6  # how far a kink that is let go moves from its observation
_ENOUGH = 1e-4  # of the descent that the quadratic model expects
_ROUNDING = 1e-13  # of the loss
evaluate = None  # open name of `train`: of a loss


def scratch_rows(n, count, hidden, starts):
    """Rows of scratch that `train` needs."""
    return 2 * point_rows(n, count, hidden) + count * (count + 1) + starts + evaluation_rows(n, count)


def train_with(loss):
    """`train` for a loss plugin."""
    return lane(rebound(train, f"train_{loss.name}", evaluate=evaluate_with(loss)))


def train(x, n, p, values, work):
    """Train a model from all starts, which stand behind x and y; the fit of `problems.network`. The scratch then begins
    with the point where the last start has ended.

    Each turn judges the trial point of each lane, which is fresh (a start), stepped to, snapped to a crease or released
    from one, moves there if it is taken, and proposes the next.
    """
    model, hidden, starts = int(p[MODEL]), int(p[HIDDEN]), int(p[STARTS])
    count = weight_count(model, hidden)
    rows, square = point_rows(n, count, hidden), count * count
    y, first = x[n:], x[2 * n :]
    here, trial, work = work[:rows], work[rows : 2 * rows], work[2 * rows :]
    system, step, work = work[:square], work[square : square + count], work[square + count :]
    finals, work = work[: starts], work[starts :]
    gradient, hessian = here[count:], here[2 * count :]

    zero, one, none = splat(0.0), splat(1.0), splat(np.inf)
    no = zero > zero
    active, fresh, stepped, snapped, released = invert(no), invert(no), no, no, no
    start, passes = splat_u64(0), splat_u64(0)
    tries, loss, norm, damping, expected, needed = zero, zero, zero, zero, zero, zero
    points, at_rest, bent_starts, bent_points, bent_ends, best = zero, zero, zero, zero, zero, none
    _begin(first, start, fresh, trial, count, hidden)
    for _ in range(starts * (_MOST_TRIES + 1)):
        found = evaluate(x, y, n, p, trial, work)
        passes = select(active, passes + ITERATION, passes)
        tries = select(fresh, zero, tries + 1.0)
        slope, gain = root(inner(trial[count:], trial[count:], count)), loss - found
        level = both(expected <= _ROUNDING * loss, magnitude(gain) <= _ROUNDING * loss)
        level = both(level, either(snapped, both(stepped, slope < norm)))
        taken = both(active, either(fresh, either(level, gain > needed)))
        lost = both(active, invert(taken))
        loss, norm = select(taken, found, loss), select(taken, slope, norm)
        for k in range(rows):
            store(here, k, select(taken, load(trial, k), load(here, k)))
        size = _size(hessian, count)
        bent = invert(_shifted(hessian, count, FLAT * size + 1e-300, system))
        size = maximum(size, norm)  # of a loss that is linear far out the Hessian may vanish
        points = points + select(taken, one, zero)
        bent_points = bent_points + select(both(taken, bent), one, zero)
        bent_starts = bent_starts + select(both(fresh, both(taken, bent)), one, zero)

        tolerance = TOLERANCE * maximum(one, loss)
        flat, share, unit, side = norm <= tolerance, none, zero, zero
        rest, kink, place, turned = flat, zero, zero, no
        if model == RELU:
            downhill, unit, side = _downhill(here, count, hidden)
            rest = both(flat, downhill <= tolerance)
            if any_lane(both(lost, stepped)):
                share, crossing, kink, place, turned = _first_crossing(x, n, here, trial, count, hidden)
                unit = select(flat, unit, crossing)
        release = both(both(active, flat), invert(either(rest, both(lost, released))))
        snap = both(both(lost, stepped), both(share < 1.0, invert(flat)))
        factor = select(gain > 0.25 * expected, one, splat(4.0))
        factor = select(either(level, gain > 0.75 * expected), splat(0.2), factor)
        factor = select(both(either(stepped, lost), invert(snap)), factor, one)
        damping = select(either(fresh, both(released, taken)), _FIRST_DAMPING * size, damping * factor)

        over = either(tries >= float(_MOST_TRIES), damping > _STUCK * size)
        done = both(active, either(over, both(flat, invert(release))))
        fresh = no
        if any_lane(done):
            at_rest = at_rest + select(both(done, rest), one, zero)
            bent_ends = bent_ends + select(both(done, bent), one, zero)
            best = select(both(done, loss < best), loss, best)
            final = select(both(rest, invert(bent)), loss, none)
            for s in range(starts):
                store(finals, s, select(both(done, start == s), final, load(finals, s)))
            start = select(done, start + 1, start)
            fresh = both(done, start < starts)
            active = both(active, either(fresh, invert(done)))
            if not any_lane(active):
                break
        release, snap = both(release, invert(done)), both(snap, invert(done))
        stepped, snapped, released = both(active, invert(either(fresh, either(release, snap)))), snap, release

        damping = _positive(hessian, count, size, stepped, damping, system)
        for k in range(count):
            store(step, k, -load(gradient, k))
        solve(system, step, count)
        ahead = 0.5 * fma(damping, inner(step, step, count), -inner(gradient, step, count))
        expected = select(stepped, ahead, select(snap, share * expected, zero))
        needed = _ENOUGH * expected
        for k in range(count):
            moved = select(stepped, load(step, k), select(snap, share * (load(trial, k) - load(here, k)), zero))
            store(trial, k, load(here, k) + moved)
        if model == RELU:
            _place_kinks(here, trial, count, hidden, snap, release, unit, side, kink, place)
            turned = both(snap, turned)
            if any_lane(turned):
                _turn(x, n, here, trial, count, hidden, turned, unit)
        _begin(first, start, fresh, trial, count, hidden)

    minima, found_best, spread = _count(finals, starts)
    store(values, 0, minima)
    store(values, 1, found_best / float(starts))
    store(values, 2, spread)
    store(values, 3, best)
    store(values, 4, at_rest / float(starts))
    store(values, 5, bent_starts / float(starts))
    store(values, 6, bent_points / points)
    store(values, 7, bent_ends / float(starts))
    return splat_u64(OK) + passes


@lane
def _begin(first, start, fresh, trial, count, hidden):
    """The trial point of fresh lanes is a start, at which no unit is held."""
    if any_lane(fresh):
        row, held = select(fresh, start, splat_u64(0)) * count, held_rows(trial, count)
        for k in range(count):
            store(trial, k, select(fresh, gather(first, row + k), load(trial, k)))
        for j in range(hidden):
            store(held, j, select(fresh, splat(-1.0), load(held, j)))
            store(held, hidden + j, select(fresh, splat(0.0), load(held, hidden + j)))


@lane
def _size(hessian, count):
    """Its Frobenius norm."""
    total = splat(0.0)
    for k in range(count):
        for j in range(k):
            total = fma(2.0 * load(hessian, k * count + j), load(hessian, k * count + j), total)
        total = fma(load(hessian, k * count + k), load(hessian, k * count + k), total)
    return root(total)


@lane
def _shifted(hessian, count, shift, system):
    """Factorise the Hessian plus a multiple of the identity; returns the lanes where that is positive definite."""
    for k in range(count):
        for j in range(k):
            store(system, k * count + j, load(hessian, k * count + j))
        store(system, k * count + k, load(hessian, k * count + k) + shift)
    return factorise(system, count)


@lane
def _positive(hessian, count, size, needy, damping, system):
    """The damping that makes the Hessian of needy lanes positive definite; the factors are left in system."""
    for _ in range(_MOST_TRIES):
        lacking = both(needy, invert(_shifted(hessian, count, damping, system)))
        if not any_lane(lacking):
            break
        damping = select(lacking, maximum(4.0 * damping, 1e-6 * size), damping)
    return damping


@lane
def _downhill(here, count, hidden):
    """How steeply the loss falls to the steeper side of a crease, the unit held there, and that side: on, 1, or off."""
    held = held_rows(here, count)
    steepest, unit, side = splat(-np.inf), splat(0.0), splat(0.0)
    for j in range(hidden):
        off, on = load(held, 2 * hidden + j), load(held, 3 * hidden + j)
        fall, own = maximum(off, -on), select(off > -on, splat(-1.0), splat(1.0))
        steeper = both(load(held, j) >= 0.0, fall > steepest)
        steepest, unit = select(steeper, fall, steepest), select(steeper, splat(float(j)), unit)
        side = select(steeper, own, side)
    return steepest, unit, side


@lane
def _first_crossing(x, n, here, trial, count, hidden):
    """Where on the way to the trial point a kink that is not held first meets an observation, or w of a unit that is
    held changes its sign.

    Returns the share of the way (infinite: nowhere), the unit, the observation and its x, and which lanes have the
    latter.
    """
    held = held_rows(here, count)
    share, unit, number, place = splat(np.inf), splat(0.0), splat(-1.0), splat(0.0)
    for j in range(hidden):
        kept = load(held, j) < 0.0
        for i in range(n):
            at = load(x, i)
            before = fma(load(here, j), at, load(here, 2 * hidden + j))
            after = fma(load(trial, j), at, load(trial, 2 * hidden + j))
            crosses = both(kept, either(both(before > 0.0, after <= 0.0), both(before <= 0.0, after > 0.0)))
            own = select(crosses, before / (before - after), splat(np.inf))
            sooner = own < share
            share, unit = select(sooner, own, share), select(sooner, splat(float(j)), unit)
            number, place = select(sooner, splat(float(i)), number), select(sooner, at, place)
        before, after = load(here, j), load(trial, j)
        own = select(both(invert(kept), before * after < 0.0), before / (before - after), splat(np.inf))
        sooner = own < share
        share, unit = select(sooner, own, share), select(sooner, splat(float(j)), unit)
        number = select(sooner, splat(-1.0), number)
    return share, unit, number, place, both(number < 0.0, share < 1.0)


@lane
def _place_kinks(here, trial, count, hidden, snap, release, unit, side, number, place):
    """Hold the unit of snapped lanes, let go that of released ones, and keep all others where they are held."""
    before, after = held_rows(here, count), held_rows(trial, count)
    for j in range(hidden):
        own, w, b = unit == float(j), load(trial, j), load(trial, 2 * hidden + j)
        caught, freed = both(snap, own), both(release, own)
        holder = select(freed, splat(-1.0), select(caught, number, load(before, j)))
        at = select(caught, place, load(before, hidden + j))
        b = select(holder >= 0.0, -w * at, select(freed, b + side * (_ASIDE * magnitude(w)), b))
        store(trial, 2 * hidden + j, b)
        store(after, j, holder)
        store(after, hidden + j, at)


@lane
def _turn(x, n, here, trial, count, hidden, turned, unit):
    """Give a unit whose w has come to 0 another kink and side: that to which the loss falls most steeply.

    Of all directions of (w, b) those to a kink at an observation decide, for the loss is linear between them. Where it
    rises in all of them the unit is switched off, w = b = 0.
    """
    before, after = held_rows(here, count), held_rows(trial, count)
    for j in range(hidden):
        own, v = both(turned, unit == float(j)), load(here, hidden + j)
        steepest, w, number, place = splat(0.0), splat(0.0), splat(-1.0), splat(0.0)
        for a in range(n):
            right, left = splat(0.0), splat(0.0)
            for i in range(n):
                pull, way = load(before, 4 * hidden + i), load(x, i) - load(x, a)
                right = fma(pull, maximum(way, splat(0.0)), right)
                left = fma(pull, maximum(-way, splat(0.0)), left)
            for side in range(2):
                fall = v * (left if side else right)
                steeper = fall > steepest
                steepest, number = select(steeper, fall, steepest), select(steeper, splat(float(a)), number)
                place, w = select(steeper, load(x, a), place), select(steeper, splat(-_ASIDE if side else _ASIDE), w)
        store(trial, j, select(own, w, load(trial, j)))
        store(trial, 2 * hidden + j, select(own, -w * place, load(trial, 2 * hidden + j)))
        store(after, j, select(own, number, load(after, j)))
        store(after, hidden + j, select(own, place, load(after, hidden + j)))


@lane
def _same(a, b):
    """Whether two losses are those of one minimum, a <= b."""
    return b - a <= maximum(SAME * magnitude(b), splat(SAME_AT_LEAST))


@lane
def _count(finals, starts):
    """Of the finite losses: how many different ones there are, how often the lowest, and how far they reach."""
    for end in range(starts - 1, 0, -1):  # few enough to let the largest rise
        for s in range(end):
            one, other = load(finals, s), load(finals, s + 1)
            store(finals, s, minimum(one, other))
            store(finals, s + 1, maximum(one, other))
    lowest = load(finals, 0)
    minima, found, spread, last = splat(0.0), splat(0.0), splat(0.0), splat(-np.inf)
    for s in range(starts):
        here = load(finals, s)
        finite = here < np.inf
        new = both(finite, invert(_same(last, here)))
        minima = minima + select(new, splat(1.0), splat(0.0))
        found = found + select(both(finite, _same(lowest, here)), splat(1.0), splat(0.0))
        spread = select(both(new, minima > 1.0), here - lowest, spread)
        last = here
    return minima, found, spread
