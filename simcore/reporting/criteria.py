"""What the best estimator of a problem is the best by.

A table of measures does not say which way is better, nor which of many measures is the question: that is said here.
"""

from dataclasses import dataclass

from simcore.registry import plugins

ROBUST = "median_abs_error"  # what decides where the moments behind a loss do not exist


@dataclass(frozen=True)
class Criterion:
    """A measure, and which way is better. parameters: those it is for, (): all that have the measure."""

    measure: str
    noun: str
    parameters: tuple = ()
    larger: bool = False

    @property
    def loss(self):
        """Whether it is a loss, of which shares make sense, and which the robust measure can stand in for."""
        return self.measure in ("mse", "mae")

    @property
    def best(self):
        return f"the {'largest' if self.larger else 'smallest'} {self.noun}"


_MSE = Criterion("mse", "mean square error")
_OF_PROBLEMS = {  # others have the mean square error
    "posterior": (_MSE, Criterion("mae", "mean absolute error")),
    "classification": (
        Criterion("mean", "accuracy", ("accuracy",), larger=True),
        Criterion("mean", "mean number of steps", ("steps",)),
    ),
    "direction": (Criterion("mean", "mean square angle", ("squared_angle",)),),
    "network": (
        Criterion("mean", "share of starts that end in the best minimum", ("best_found",), larger=True),
        Criterion("mean", "mean number of minima", ("minima",)),
    ),
}
_OF_EXACT = (
    Criterion("breakdown_point", "breakdown point", larger=True),
    Criterion("max_bias", "maximum bias under the fewest outliers"),
)


def criteria(summary):
    """The Criterion of each question that a summary table can answer, the first the most important: a tuple."""
    problem = summary["problem"].iloc[0]
    found = _OF_EXACT if plugins("problems")[problem].exact else _OF_PROBLEMS.get(problem, (_MSE,))
    return tuple(own for own in found if len(rows_of(summary, own)))


def rows_of(summary, criterion):
    """The rows of a summary that have the measure of a criterion."""
    own = summary[summary["measure"] == criterion.measure]
    return own[own["parameter"].isin(criterion.parameters)] if criterion.parameters else own
