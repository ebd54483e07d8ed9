"""Draw the robustness curves of a finished run: python scripts/plot_robustness.py results/heavy_tails"""

import argparse
import sys
from pathlib import Path

import simcore


def main():
    parser = argparse.ArgumentParser(description="Draw variance and bias against tail weight, n and contamination.")
    parser.add_argument("run", type=Path, help="a run directory, results/<study name>")
    folder = parser.parse_args().run
    try:
        figures = simcore.plot(simcore.open(folder), kinds="curves")
    except simcore.SimcoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for name in figures:
        for suffix in ("svg", "png", "pdf"):
            print(folder / "figures" / f"{name}.{suffix}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
