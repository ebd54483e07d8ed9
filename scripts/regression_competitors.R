# Least squares, Huber, least absolute deviations and MM by R, for regression_competitors.py: it writes a command a line
# to the input of this program, and a line comes back. Vectors and matrices pass as files of doubles.
#
#   fits                         the fits whose packages are installed
#   versions                     of R and its packages
#   design FILE N P              X, column by column
#   fit NAME RESPONSES FILE      coefficients into FILE
#   simulate NAME COUNT FILE     draw and fit COUNT times, coefficients into FILE; answers seconds

options(warn = -1) # default accuracies: "failed to converge in 20 steps"
set.seed(20261122, kind = "Mersenne-Twister")

needs <- c(lm = "stats", rlm = "MASS", rlm_default = "MASS", rq = "quantreg", lmrob = "robustbase")
installed <- needs[vapply(needs, requireNamespace, logical(1), quietly = TRUE)]

huber_k <- 1.345 * 0.6745 * 1.482602218505602 # rlm divides the median by 0.6745, which is rounded; here k s is exact
fits <- list(
  lm = function(y) lm.fit(x, y)$coefficients,
  rlm = function(y) MASS::rlm(x, y, k = huber_k, maxit = 1000, acc = 1e-11)$coefficients,
  rlm_default = function(y) MASS::rlm(x, y, k = huber_k)$coefficients,
  rq = function(y) quantreg::rq.fit.br(x, y, tau = 0.5)$coefficients,
  lmrob = function(y) robustbase::lmrob.fit(x, y, control)$coefficients
)
if ("lmrob" %in% names(installed)) control <- robustbase::lmrob.control()

read_numbers <- function(path) readBin(path, "double", file.size(path) / 8)

simulate <- function(fit, count, path) {
  n <- nrow(x)
  coefficients <- matrix(0, ncol(x), count)
  taken <- system.time(for (r in seq_len(count)) coefficients[, r] <- fit(rt(n, 3)))
  writeBin(as.vector(coefficients), path)
  taken[["elapsed"]]
}

versions <- function() {
  packages <- setdiff(unique(installed), "stats")
  found <- vapply(packages, function(package) as.character(packageVersion(package)), "")
  paste(c("R", packages), c(as.character(getRversion()), found), collapse = ", ")
}

input <- file("stdin", "r")
while (length(line <- readLines(input, 1)) > 0) {
  words <- strsplit(line, "\t")[[1]]
  answer <- switch(words[1],
    fits = paste(names(installed), collapse = " "),
    versions = versions(),
    design = {
      x <- matrix(read_numbers(words[2]), as.integer(words[3]), as.integer(words[4]))
      "done"
    },
    fit = {
      writeBin(as.vector(fits[[words[2]]](read_numbers(words[3]))), words[4])
      "done"
    },
    simulate = simulate(fits[[words[2]]], as.integer(words[3]), words[4])
  )
  cat(format(answer, digits = 15), "\n", sep = "")
  flush(stdout())
}
