"""Bayes risk: how far the mean, the median and the mode of a posterior are from a theta that its prior has drawn.

A distribution is a model, prior and likelihood together: it draws theta and n observations given theta, and knows the
posterior of its own data sets. As theta is drawn, the mean of (T - theta)^2 is the risk under squared loss, which no
estimate makes smaller than the posterior mean, and that of |T - theta| the risk under absolute loss, where it is the
posterior median.
"""

from simcore.registry import Glance, Problem, Quantity, Simulation
from simcore.streams import ERRORS, start

draw = None  # open name of `sample`: of the model


def sample(words, group, x, n, p, errors, place):
    """Theta, and behind it what the model's posterior is computed from."""
    draw(start(words, ERRORS, group), x, n, errors)


PLUGIN = Problem(
    "posterior",
    "a parameter that its prior has drawn, from its posterior: Bayes risk",
    "Lehmann & Casella (1998), chapter 4",
    errors=False,
    losses=False,
    estimand="theta, drawn anew from its prior in every replication",
    simulation=Simulation(
        sample=sample,
        rows=lambda n, settings: 2,
        quantities=lambda settings, errors: (Quantity("theta", "what the prior has drawn", drawn=True, light=True),),
        work=lambda n, settings: 15,
    ),
    glances=(
        Glance(
            "bayes_risk",
            ("efficiency_mse", "efficiency_mae"),
            x="n",
            title="which estimate wins under which loss",
            label="risk of the reference / risk",
            rows="measure",
            columns="errors",
            apart=True,
            log=True,
        ),
    ),
    shown=("mse", "mae", "bias"),
)
