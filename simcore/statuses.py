"""What a table may say of a number, from good to bad: how sure it is, or why there is none."""

OK = "ok"
ROUGH = "mcse_rough"
NO_MCSE = "mcse_undefined"
UNDEFINED = "undefined"
INSUFFICIENT = "insufficient"

FROM_GOOD_TO_BAD = (OK, ROUGH, NO_MCSE, INSUFFICIENT, UNDEFINED)

MEANINGS = {
    ROUGH: "the error is rough: itself heavy-tailed, or outliers or failures too rare to be seen matter",
    NO_MCSE: "the value exists, its Monte Carlo error does not",
    UNDEFINED: "does not exist: the moment is infinite in theory, or there is no bound or no known true value, so no "
    "number is shown",
    INSUFFICIENT: "too few good replications, for such tails perhaps, or nothing left of the value by rounding",
}


def worse(one, other):
    """The status of a number that needs two moments."""
    return max(one, other, key=FROM_GOOD_TO_BAD.index)
