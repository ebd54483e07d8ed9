"""A network of one hidden layer and one input, and a linear model beside it: their loss, its gradient and its Hessian.

f(x) = sum_j v_j h(w_j x + b_j) + c with h = tanh or h(u) = max(u, 0), relu; weights stand in the order w, v, b (each of
all hidden units), c. The linear model is a polynomial of degree `hidden` in its Legendre coefficients, the constant
first: as many basis functions, but f is linear in its weights. The loss is the mean of scale^2 rho((y - f(x)) / scale),
plus half the decay times the sum of the squares of all weights.

The Hessian of relu exists almost everywhere: not where the kink of a unit is at an observation. Many minima are there,
in a crease of the loss, so a unit of relu can be held: its kink stays at one observation, at which it is off. Gradient
and Hessian are then those along the crease.

A point is an array of rows of lanes: weights (count), gradient (count), lower half of the Hessian (count * count, row
by row); for each hidden unit the number of the observation that holds it or -1, that observation's x, and the slopes of
the loss by b where the unit is off and on at that observation: in a minimum the former is <= 0, the latter >= 0; for
each observation scale * psi, which pulls f(x) up.
"""

from simcore.dense import inner
from simcore.fmath import tanh
from simcore.jit import lane, rebound
from simcore.lanes import fma, load, maximum, select, splat, store

MODELS = ("linear", "tanh", "relu")
LINEAR, TANH, RELU = range(len(MODELS))
# Places in the numbers: the model, its hidden units, weight decay; the scale of the residuals, what the loss has.
MODEL, HIDDEN, DECAY, SCALE, LOSS_NUMBERS = 0, 1, 2, 8, 9
rho = psi = psi_prime = None  # open names of `evaluate`: of a loss


@lane
def weight_count(model, hidden):
    return hidden + 1 if model == LINEAR else 3 * hidden + 1


@lane
def point_rows(n, count, hidden):
    return 2 * count + count * count + 4 * hidden + n


@lane
def held_rows(point, count):
    """The rows of a point that say which observation holds a unit, and those behind: its x, both slopes, all pulls."""
    return point[2 * count + count * count :]


@lane
def scratch_rows(n, count):
    """Rows of scratch that `evaluate` needs."""
    return n * (_stride(count) + 1)


@lane
def _stride(count):
    """From one observation's derivatives of f to those of the next: whole groups of four."""
    return (count + 3) // 4 * 4


def evaluate_with(loss):
    """`evaluate` for a loss plugin."""
    opened = {name: getattr(loss, name) for name in ("rho", "psi", "psi_prime")}
    return lane(rebound(evaluate, f"evaluate_{loss.name}", **opened))


def evaluate(x, y, n, p, point, work):
    """The loss at a point, whose weights and holds are given; fills in all else of it."""
    model, hidden, decay, scale, q = int(p[MODEL]), int(p[HIDDEN]), p[DECAY], p[SCALE], p[LOSS_NUMBERS:]
    count = weight_count(model, hidden)
    stride, held = _stride(count), held_rows(point, count)
    slopes, bends, pulls, hessian = work[: n * stride], work[n * stride :], held[4 * hidden :], point[2 * count :]
    for k in range(count * count):
        store(hessian, k, splat(0.0))
    for j in range(hidden):
        store(held, 3 * hidden + j, splat(0.0))
    total = splat(0.0)
    for i in range(n):
        row = i * stride
        for k in range(count, stride):
            store(slopes, row + k, splat(0.0))
        here = load(x, i)
        z = (load(y, i) - output(here, i, point, held, model, hidden, slopes, row)) * (1.0 / scale)
        total = total + rho(z, q)
        pull = scale * psi(z, q)
        store(pulls, i, pull)
        store(bends, i, psi_prime(z, q))
        if model != LINEAR:
            _bend_units(here, i, pull, point, held, model, hidden, slopes, row)
    _sum_products(n, count, decay, point, slopes, pulls, bends)
    if model == RELU:
        _fold(point, held, count, hidden, n)
    return fma(splat(0.5 * decay), inner(point, point, count), total * (scale * scale / n))


@lane
def output(x, i, weights, held, model, hidden, slopes, row):
    """f(x) at observation i; its derivatives by the weights go to row, row + 1, ... of slopes."""
    if model == LINEAR:
        before, now, total = splat(0.0), splat(1.0), splat(0.0)
        for k in range(hidden + 1):
            store(slopes, row + k, now)
            total = fma(load(weights, k), now, total)
            after = ((2.0 * k + 1.0) * x * now - float(k) * before) / (k + 1.0)
            before, now = now, after
        return total
    total = load(weights, 3 * hidden)
    store(slopes, row + 3 * hidden, splat(1.0))
    for j in range(hidden):
        inside, v = fma(load(weights, j), x, load(weights, 2 * hidden + j)), load(weights, hidden + j)
        if model == TANH:
            h = tanh(inside)
        else:
            h = select(load(held, j) == float(i), splat(0.0), maximum(inside, splat(0.0)))
        slope, _ = _derivatives(h, model)
        store(slopes, row + j, v * slope * x)
        store(slopes, row + hidden + j, h)
        store(slopes, row + 2 * hidden + j, v * slope)
        total = fma(v, h, total)
    return total


@lane
def _derivatives(h, model):
    """The first and the second of a unit, from its output."""
    if model == TANH:
        slope = fma(-h, h, splat(1.0))
        return slope, -2.0 * h * slope
    return select(h > 0.0, splat(1.0), splat(0.0)), splat(0.0)


@lane
def _bend_units(x, i, pull, point, held, model, hidden, slopes, row):
    """Add what an observation gives to the Hessian by the second derivatives of f, none of which is of two units; and
    how much steeper the loss is where a unit that it holds is on."""
    count = 3 * hidden + 1
    hessian = point[2 * count :]
    for j in range(hidden):
        w, v, b = j, hidden + j, 2 * hidden + j
        slope, bend = _derivatives(load(slopes, row + v), model)
        first, second = pull * slope, pull * bend * load(point, v)
        _take(hessian, v * count + w, first * x)
        _take(hessian, b * count + v, first)
        if model == TANH:
            _take(hessian, w * count + w, second * x * x)
            _take(hessian, b * count + w, second * x)
            _take(hessian, b * count + b, second)
        else:
            _take(held, 3 * hidden + j, select(load(held, j) == float(i), pull * load(point, v), splat(0.0)))


@lane
def _take(rows, k, value):
    store(rows, k, load(rows, k) - value)


@lane
def _sum_products(n, count, decay, point, slopes, pulls, bends):
    """The gradient, and the Hessian but for what `_bend_units` has put there."""
    stride = _stride(count)
    for k in range(count):
        pulled = splat(0.0)
        for i in range(n):
            pulled = fma(load(pulls, i), load(slopes, i * stride + k), pulled)
        store(point, count + k, fma(splat(decay), load(point, k), pulled * (-1.0 / n)))
        for j in range(0, k + 1, 4):
            s0, s1, s2, s3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for i in range(n):
                row = i * stride
                own = load(bends, i) * load(slopes, row + k)
                s0 = fma(own, load(slopes, row + j), s0)
                s1 = fma(own, load(slopes, row + j + 1), s1)
                s2 = fma(own, load(slopes, row + j + 2), s2)
                s3 = fma(own, load(slopes, row + j + 3), s3)
            _finish(point, k, j, count, s0, n, decay)
            _finish(point, k, j + 1, count, s1, n, decay)
            _finish(point, k, j + 2, count, s2, n, decay)
            _finish(point, k, j + 3, count, s3, n, decay)


@lane
def _finish(point, k, j, count, total, n, decay):
    """Entry (k, j) of the lower half of the Hessian."""
    if j <= k:
        place = 2 * count + k * count + j
        mean = (load(point, place) + total) * (1.0 / n)
        store(point, place, mean + decay if j == k else mean)


@lane
def _fold(point, held, count, hidden, n):
    """Gradient and Hessian along the creases in which units are held: there b = -w x, so w moves b along."""
    hessian = point[2 * count :]
    for j in range(hidden):
        w, b = j, 2 * hidden + j
        x, kept = load(held, hidden + j), load(held, j) < 0.0
        slope = load(point, count + b)
        store(held, 2 * hidden + j, slope)
        store(held, 3 * hidden + j, slope + load(held, 3 * hidden + j) * (1.0 / n))
        along = select(kept, splat(0.0), x)
        store(point, count + w, fma(-along, slope, load(point, count + w)))
        store(point, count + b, select(kept, slope, splat(0.0)))
        corner, mixed = load(hessian, b * count + b), load(hessian, b * count + w)
        own = load(hessian, w * count + w)
        store(hessian, w * count + w, fma(along * along, corner, fma(-2.0 * along, mixed, own)))
        store(hessian, b * count + w, select(kept, mixed, splat(0.0)))
        for k in range(count):
            if k != w and k != b:
                beside, other = max(k, b) * count + min(k, b), max(k, w) * count + min(k, w)
                store(hessian, other, fma(-along, load(hessian, beside), load(hessian, other)))
                store(hessian, beside, select(kept, load(hessian, beside), splat(0.0)))
        store(hessian, b * count + b, select(kept, corner, splat(1.0)))
