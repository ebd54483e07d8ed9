"""What became of one fit: the codes that kernels write and tables count."""

OK = 0
DEGENERATE_SCALE = 1  # the scale is 0: the median stands in
NOT_CONVERGED = 2  # no estimate
NON_FINITE = 3  # no estimate: the sample or the estimate is not finite

NAMES = ("ok", "degenerate_scale", "not_converged", "non_finite")
FIRST_FAILURE = NOT_CONVERGED  # from here on there is no estimate

ITERATION = 256  # a fit adds this to its code for each pass over the data
