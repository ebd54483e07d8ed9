"""The obvious ways to run problem_benchmark.py's studies in NumPy and SciPy, as someone fluent in them would write it.

`simulate(n, out)` fills out, float64 (numbers of simcore's estimators in order, replications). Nothing here imports
simcore.
"""

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize


class Classification:
    """Gradient descent on all replications at once, as arrays (replications, n, 2); those that are done stay out."""

    name, threads, least = "NumPy, all replications at once", 1, 8
    signal, start, rate, steps, tolerance = 2.0, -4.0, 1.0, 1000, 1e-3

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def simulate(self, n, out):
        for first in range(0, out.shape[1], 500):
            part = out[:, first : first + 500]
            (x, labels), (new, expected) = (self._draw(part.shape[1], n) for _ in range(2))
            for e, squared in enumerate((False, True)):
                part[5 * e : 5 * e + 5] = self._fit(x, labels, new, expected, squared)

    def _draw(self, count, n):
        x = self._rng.standard_normal((count, n, 2))
        return x, np.argmax(self.signal * x + self._rng.gumbel(size=x.shape), axis=2)

    def _fit(self, x, labels, new, expected, squared):
        count, n = labels.shape
        y = np.eye(2)[labels]
        w = np.tile(self.start * np.eye(2), (count, 1, 1))
        first, better = np.zeros(count), np.full(count, self.steps + 1)
        converged, active = np.zeros(count, bool), np.arange(count)
        for step in range(self.steps + 1):
            own_x, own_y = x[active], y[active]
            logits = own_x @ w[active].transpose(0, 2, 1)
            p = np.exp(logits - logits.max(axis=2, keepdims=True))
            p /= p.sum(axis=2, keepdims=True)
            force = p - own_y
            if squared:
                force = p * (force - (p * force).sum(axis=2, keepdims=True))
            gradient = force.transpose(0, 2, 1) @ own_x / n
            norm = np.sqrt((gradient**2).sum(axis=(1, 2)))
            if step == 0:
                first[:] = norm
            right = (p * own_y).sum(axis=(1, 2)) / n > 0.5
            better[active[right & (better[active] > step)]] = step
            done = norm <= self.tolerance
            converged[active[done]] = True
            active, gradient = active[~done], gradient[~done]
            if step == self.steps or not len(active):
                break
            w[active] -= self.rate * gradient
        slope = 0.5 * (w[:, 0, 0] + w[:, 1, 1] - w[:, 0, 1] - w[:, 1, 0])
        accuracy = np.mean(np.argmax(new @ w.transpose(0, 2, 1), axis=2) == expected, axis=1)
        return slope, accuracy, converged & (better <= self.steps), better, first


class Directions:
    """Steps on the sphere for all replications at once, arrays (replications, n, 3); those that are done stay out."""

    name, threads, least = "NumPy, all replications at once", 1, 8
    kappa, fraction, turned = 10.0, 0.1, np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    steps, tolerance = 1000, 1e-10

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def simulate(self, n, out):
        for first in range(0, out.shape[1], 500):
            part = out[:, first : first + 500]
            x = self._draw(part.shape[1], n)
            mean = x.mean(axis=1)
            start = mean / np.linalg.norm(mean, axis=1, keepdims=True)
            for e, m in enumerate((start, self._steps(x, start, False), self._steps(x, start, True))):
                part[5 * e : 5 * e + 5] = self._quantities(m)

    def _draw(self, count, n):
        u, turn = self._rng.random((2, count, n))
        cosine = 1.0 + np.log(u + (1.0 - u) * np.exp(-2.0 * self.kappa)) / self.kappa
        sine, turn = np.sqrt(1.0 - cosine**2), 2.0 * np.pi * turn
        x = np.stack([cosine, sine * np.cos(turn), sine * np.sin(turn)], axis=2)
        bad = self._rng.random((count, n)) < self.fraction
        x[bad] = x[bad] @ self.turned
        return x

    def _steps(self, x, start, median):
        """To exp_m of the mean of log_m(x), or of its mean weighted by 1 / angle: Weiszfeld's for the median."""
        m, active = start.copy(), np.arange(len(x))
        for _ in range(self.steps):
            own, centre = x[active], m[active][:, None]
            cosine = np.clip((own * centre).sum(axis=2, keepdims=True), -1.0, 1.0)
            across = own - cosine * centre
            sine = np.linalg.norm(across, axis=2, keepdims=True)
            angle = np.arctan2(sine, cosine)
            weight = 1.0 / np.maximum(angle, 1e-12) if median else np.ones_like(angle)
            v = (weight * angle / np.maximum(sine, 1e-300) * across).sum(axis=1) / weight.sum(axis=1)
            length = np.linalg.norm(v, axis=1, keepdims=True)
            m[active] = np.cos(length) * m[active] + np.sinc(length / np.pi) * v
            active = active[length[:, 0] > self.tolerance]
            if not len(active):
                break
        return m

    @staticmethod
    def _quantities(m):
        off = np.linalg.norm(m[:, 1:], axis=1)
        angle = np.arctan2(off, m[:, 0])
        chord = np.sqrt((m[:, 0] - 1.0) ** 2 + off**2)
        return m[:, 1] / off * angle, angle, angle**2, np.ones(len(m)), chord


class LoopOfDirections(Directions):
    """One data set after the other, as libraries for manifolds estimate."""

    name, least = "NumPy, one replication after the other", 1

    def _steps(self, x, start, median):
        one = super()._steps
        return np.concatenate([one(x[i : i + 1], start[i : i + 1], median) for i in range(len(x))])


class PosteriorGrid:
    """The posterior of Student's t observations with a normal prior on a grid, for many replications at once."""

    name, threads, least = "NumPy, a grid of 4,001 points", 1, 8
    df, sd = 2.0, 2.0

    def __init__(self, seed):
        self._rng, self._grid = np.random.default_rng(seed), np.linspace(-8.5 * self.sd, 8.5 * self.sd, 4001)

    def simulate(self, n, out):
        for first in range(0, out.shape[1], 100):
            part = out[:, first : first + 100]
            theta = self.sd * self._rng.standard_normal(part.shape[1])
            x = theta[:, None] + self._rng.standard_t(self.df, (part.shape[1], n))
            log_density = np.tile(-0.5 * (self._grid / self.sd) ** 2, (part.shape[1], 1))
            for k in range(n):
                distance = x[:, k, None] - self._grid
                log_density -= 0.5 * (self.df + 1.0) * np.log1p(distance * distance / self.df)
            density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
            density /= density.sum(axis=1, keepdims=True)
            below = np.cumsum(density, axis=1)
            k = np.argmax(below >= 0.5, axis=1)
            at = np.arange(len(k))
            step = self._grid[1] - self._grid[0]
            median = self._grid[k] + step * (0.5 - (below[at, k] - 0.5 * density[at, k])) / density[at, k]
            part[:] = np.array([density @ self._grid, median, self._grid[density.argmax(axis=1)]]) - theta


class Posterior:
    """The posterior of every replication as a frozen distribution of arrays."""

    name, threads, least = "SciPy, all replications at once", 1, 8
    a, b = 1.0, 4.0

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def simulate(self, n, out):
        for first in range(0, out.shape[1], 100_000):
            part = out[:, first : first + 100_000]
            theta = self._rng.beta(self.a, self.b, part.shape[1])
            successes = self._rng.binomial(n, theta)
            part[:] = np.array(self._estimates(n, successes)) - theta

    def _estimates(self, n, successes):
        """(mean, median, mode); the mode at an end is that of the formula, as a = 1 < b."""
        a, b = self.a + successes, self.b + n - successes
        posterior = stats.beta(a, b)
        return posterior.mean(), posterior.median(), (a - 1.0) / (a + b - 2.0)


class PosteriorTable(Posterior):
    """Knowing that there are only n + 1 posteriors."""

    name = "SciPy, a table of all posteriors"

    def __init__(self, seed):
        super().__init__(seed)
        self._tables = {}

    def _estimates(self, n, successes):
        if n not in self._tables:
            self._tables[n] = np.array(super()._estimates(n, np.arange(n + 1)))
        return self._tables[n][:, successes]


class Network:
    """One hidden layer of tanh, trained from every start by damped Newton steps on arrays (n, weights)."""

    name, threads, least = "NumPy, damped Newton, start by start", 1, 1
    hidden, starts, decay, reach, waves, scale, tolerance = 3, 16, 1e-4, 3.0, 4.0, 0.2, 1e-8

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def simulate(self, n, out):
        x = (2.0 * np.arange(n) + 1.0) / n - 1.0
        for r in range(out.shape[1]):
            y = np.sin(self.waves * np.pi * x) + self.scale * self._rng.standard_normal(n)
            out[:, r] = self._quantities(x, y)

    def _quantities(self, x, y):
        begun = self.reach * self._rng.standard_normal((self.starts, 3 * self.hidden + 1))
        ends = np.array([self._train(weights, x, y) for weights in begun])
        losses, rest, start, bent, points, end = ends.T
        minima = np.sort(losses[(rest == 1.0) & (end == 0.0)])
        spread = minima[-1] - minima[0] if minima[-1] - minima[0] > 1e-6 * minima[-1] else 0.0
        many = 1 + np.sum(np.diff(minima) > 1e-6 * minima[1:])
        found = np.mean(losses - minima[0] <= 1e-6 * losses)
        return many, found, spread, losses.min(), rest.mean(), start.mean(), bent.sum() / points.sum(), end.mean()

    def _train(self, weights, x, y):
        """(loss, at rest?, Hessian at the start indefinite?, at how many points, points, at the end?)."""
        loss, gradient, hessian = self._curvature(weights, x, y)
        start = end = bent = self._indefinite(hessian, 1e-10 * np.linalg.norm(hessian))
        size, points, unit = max(np.linalg.norm(hessian), np.linalg.norm(gradient)), 1, np.eye(len(weights))
        damping = 1e-3 * size
        for _ in range(1000):
            norm = np.linalg.norm(gradient)
            if norm <= self.tolerance * max(1.0, loss):
                break
            while self._indefinite(hessian, damping):
                damping = max(4.0 * damping, 1e-6 * size)
            step = -np.linalg.solve(hessian + damping * unit, gradient)
            expected = 0.5 * (damping * step @ step - gradient @ step)
            new = self._curvature(weights + step, x, y)
            gain = loss - new[0]
            level = expected <= 1e-13 * loss and abs(gain) <= 1e-13 * loss and np.linalg.norm(new[1]) < norm
            damping *= 0.2 if level or gain > 0.75 * expected else 1.0 if gain > 0.25 * expected else 4.0
            if level or gain > 1e-4 * expected:
                weights, (loss, gradient, hessian) = weights + step, new
                size = max(np.linalg.norm(hessian), np.linalg.norm(gradient))
                end = self._indefinite(hessian, 1e-10 * np.linalg.norm(hessian))
                bent, points = bent + end, points + 1
        return loss, np.linalg.norm(gradient) <= self.tolerance * max(1.0, loss), start, bent, points, end

    def _indefinite(self, hessian, shift):
        try:
            np.linalg.cholesky(hessian + shift * np.eye(len(hessian)))
        except np.linalg.LinAlgError:
            return True
        return False

    def _slopes(self, weights, x, y):
        """The loss, its gradient, and what the Hessian needs."""
        w, v, b = weights[:-1].reshape(3, self.hidden)
        h = np.tanh(np.outer(x, w) + b)
        r, slope = y - h @ v - weights[-1], 1.0 - h * h
        jacobian = np.hstack([v * slope * x[:, None], h, v * slope, np.ones((len(x), 1))])
        loss = 0.5 * (r @ r / len(x) + self.decay * weights @ weights)
        return loss, self.decay * weights - jacobian.T @ r / len(x), jacobian, r, h, slope

    def _curvature(self, weights, x, y):
        loss, gradient, jacobian, r, h, slope = self._slopes(weights, x, y)
        n, k = len(x), np.arange(self.hidden)
        w, v, b = k, k + self.hidden, k + 2 * self.hidden
        hessian = jacobian.T @ jacobian / n
        pulls, bends = -r @ slope / n, (2.0 * r[:, None] * h * slope) * (weights[v] / n)
        along = -(r * x) @ slope / n
        for i, j, value in ((v, w, along), (v, b, pulls), (w, b, x @ bends)):
            hessian[i, j] += value
            hessian[j, i] += value
        hessian[w, w] += (x * x) @ bends
        hessian[b, b] += bends.sum(axis=0)
        return loss, gradient, hessian + self.decay * np.eye(len(weights))


class NetworkBfgs(Network):
    """The same starts by SciPy's BFGS with the exact gradient; other ways lead into other minima now and then."""

    name, gives = "SciPy, BFGS start by start", ("negative_start",)

    def _train(self, weights, x, y):
        start = self._indefinite(self._curvature(weights, x, y)[2], 1e-10)
        options = {"gtol": self.tolerance, "maxiter": 2000}
        found = minimize(lambda w: self._slopes(w, x, y)[:2], weights, jac=True, method="BFGS", options=options)
        end = self._indefinite(self._curvature(found.x, x, y)[2], 1e-10)
        return found.fun, True, start, start + end, 2, end


class Sensitivity:
    """One fit after the other as an observation moves: a root of psi for Huber, reweighted means for Tukey."""

    name, threads, least = "NumPy and scipy.optimize, a loop", 1, 8

    def __init__(self, seed):
        pass

    def simulate(self, n, out):
        good = stats.norm.ppf((np.arange(n - 1) + 0.5) / (n - 1))
        for k, at in enumerate(np.linspace(-10.0, 10.0, out.shape[1])):
            x = np.append(good, at)
            median = np.median(x)
            scale = 1.482602218505602 * np.median(np.abs(x - median))
            i, j = np.triu_indices(n)
            huber = brentq(lambda mu, x=x, s=scale: np.clip((x - mu) / s, -1.345, 1.345).sum(), x.min(), x.max())
            out[:, k] = x.mean(), median, huber, self._tukey(x, median, scale), np.median((x[i] + x[j]) / 2)

    @staticmethod
    def _tukey(x, mu, scale):
        for _ in range(200):
            w = np.maximum(1.0 - ((x - mu) / (4.685 * scale)) ** 2, 0.0) ** 2
            new = w @ x / w.sum()
            if abs(new - mu) < 1e-12 * scale:
                break
            mu = new
        return new


CONTESTANTS = {
    "classification": [Classification],
    "direction": [Directions, LoopOfDirections],
    "network": [Network, NetworkBfgs],
    "posterior": [PosteriorGrid],
    "sensitivity": [Sensitivity],
    "conjugate": [Posterior, PosteriorTable],
}
