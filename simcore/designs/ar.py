"""An autoregression identified by regression: the columns are past responses, so errors enter the dynamics."""

from simcore.jit import lane
from simcore.lanes import fma, load, splat, store
from simcore.registry import Design, Interval, Parameter


@lane
def recur(e, x, n, p, first, beta):
    """y_t = [beta_0 +] sum of beta_k y_(t-k) + e_t from rest; row t of x is [1, ] y_(t-1), ..., y_(t-order).

    beta: float64, at least p. The older entries of a row are those of the row before, moved on by one column.
    """
    for t in range(n):
        y = splat(0.0)
        if t > 0:
            y = load(e, t - 1)
            for j in range(p):
                y = fma(splat(beta[j]), load(x, (t - 1) * p + j), y)
        for j in range(p - 1, first, -1):
            store(x, t * p + j, load(x, (t - 1) * p + j - 1) if t > 0 else splat(0.0))
        store(x, t * p + first, y)


PLUGIN = Design(
    "ar",
    "the `order` responses before, from rest: identification of a linear system",
    "Mann & Wald (1943)",
    parameters=(Parameter("order", "how many past responses", Interval(1, 20, integer=True)),),
    recur=recur,
    columns=lambda values: int(values["order"]),
)
