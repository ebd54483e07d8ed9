"""Hold least squares to the certified values of NIST's Statistical Reference Datasets for linear regression.

    python scripts/check_nist.py FOLDER

FOLDER: where the files are (Norris.dat, Longley.dat, Filip.dat, ...), as NIST publishes them. Prints, for each, to how
many digits the worst coefficient and the worst standard error agree; exit code 1 if a coefficient has fewer than 9. The
columns of Filip's polynomial of degree 10 are so nearly collinear that rounding them to float64 alone leaves 8.
"""

import re
import sys
from pathlib import Path

import numpy as np

import simcore as sc

DEGREES = {"Filip": 10, "Pontius": 2} | {f"Wampler{k}": 5 for k in range(1, 6)}
DIGITS = {"Filip": 7}


def read(path):
    """(y, X, certified coefficients, certified standard errors) of a file of NIST's format."""
    lines = path.read_text().split("\n")
    certified = [re.match(r"\s*B\d+\s+([-0-9.E+]+)\s+([-0-9.E+]+)\s*$", line) for line in lines]
    values = np.array([[float(match[1]), float(match[2])] for match in certified if match])
    first, last = map(int, re.search(r"Data\s+\(lines\s+(\d+)\s+to\s+(\d+)\)", "\n".join(lines)).groups())
    rows = np.array([[float(word) for word in line.split()] for line in lines[first - 1 : last]])
    x = rows[:, 1:]
    if path.stem in DEGREES:
        x = np.stack([x[:, 0] ** k for k in range(1, DEGREES[path.stem] + 1)], axis=1)
    return rows[:, 0], x, *values.T


def digits(found, certified):
    """Of agreement, of the worst number; certified zeros aside."""
    error = np.abs(found - certified)[certified != 0] / np.abs(certified[certified != 0])
    return min(15.0, -np.log10(max(error.max(initial=0.0), 1e-15)))


def main(folder):
    worst = 0
    for path in sorted(Path(folder).glob("*.dat")):
        if not re.search(r"^\s*B\d+\s", path.read_text(), re.M):
            continue  # a data set of the univariate collection
        y, x, beta, errors = read(path)
        fit = sc.fit(y, X=x, loss="l2", intercept=not path.stem.startswith("NoInt"))
        agree = digits(fit.estimate, beta), digits(fit.standard_errors, errors)
        print(f"{path.stem:<10} {fit.status}  coefficients {agree[0]:4.1f}  standard errors {agree[1]:4.1f} digits")
        worst += agree[0] < DIGITS.get(path.stem, 9)
    return 1 if worst else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
