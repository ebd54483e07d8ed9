"""What became of one fit: the codes that kernels write and tables count."""

OK = 0
DEGENERATE_SCALE = 1  # the scale is 0: the median stands in
EXACT_FIT = 2  # most responses lie on one plane, which is the estimate: the scale is 0
NOT_CONVERGED = 3  # no estimate
RANK_DEFICIENT = 4  # no estimate: columns of the design depend on each other
NON_FINITE = 5  # no estimate: the sample or the estimate is not finite

NAMES = ("ok", "degenerate_scale", "exact_fit", "not_converged", "rank_deficient", "non_finite")
FIRST_FAILURE = NOT_CONVERGED  # from here on there is no estimate

ITERATION = 256  # a fit adds this to its code for each pass over the data
