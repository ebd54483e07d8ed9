"""The maximum bias curve of the distribution of the errors."""

from simcore.registry import Measure


def value(outcome):
    return outcome.worst_bias()


PLUGIN = Measure(
    "max_bias_theory",
    "largest bias that a share m / n of outliers can do at the errors' distribution, where psi never decreases",
    "Huber & Ronchetti (2009), section 4.2; Maronna, Martin, Yohai & Salibian-Barrera (2019), section 3.3",
    value=value,
    exact=True,
    without=("at",),
)
