"""Run every scenario, and draw of each the one figure that makes its point, as scenarios/README.md shows it.

A figure may be of a part of a scenario: a cell has the same numbers, whatever stands beside it."""

import argparse
import io
import sys
import tomllib
from pathlib import Path

import simcore as sc

ROOT = Path(__file__).parents[1]
PIXELS = 800  # width of a picture
NONE, SHIFT = {"kind": "none"}, {"kind": "shift", "fraction": [0.05, 0.1, 0.2, 0.3, 0.4]}
FIGURES = {  # scenario -> its figure, and the levels to which factors are narrowed
    "quickstart": ("tails_variance", {}),
    "heavy_tails": ("tails_variance", {"n": [20]}),
    "contamination": ("contamination_bias", {"n": [20], "contamination": [NONE, {**SHIFT, "size": 10.0}]}),
    "princeton": ("heatmap_efficiency_bound", {"n": [20]}),
    "precision": ("tails_efficiency_bound", {}),
    "own_loss": ("contamination_bias", {"n": [100]}),
    "skewed_errors": ("tails_bias", {}),
    "scipy_errors": ("tails_variance", {}),
    "newcomb": ("n_scaled", {}),
    "regression_vertical": ("contamination_rmse", {}),
    "regression_leverage": ("contamination_bias", {}),
    "signal_tone": ("tails_variance", {}),
    "control_identification": ("tails_variance", {"n": [50]}),
    "chemistry_force_field": ("contamination_rmse", {}),
    "vision_line": ("contamination_bias", {}),
    "sensitivity": ("sensitivity_curves", {}),
    "sensitivity_line": ("max_bias_curves", {}),
    "posterior": ("bayes_risk", {}),
    "classification": ("vanishing_gradient", {}),
    "direction": ("off_the_sphere", {}),
    "network": ("bowl_or_mountains", {}),
}


def main():
    arguments = _arguments()
    arguments.figures.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or FIGURES:
        path = arguments.figures / f"{name}.png"
        path.write_bytes(picture(name, arguments))
        print(path, f"{path.stat().st_size / 1024:.0f} KiB")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="results/gallery", help="folder of run directories (default: results/gallery)")
    parser.add_argument("--figures", type=Path, default=ROOT / "scenarios/figures", help="where the pictures go")
    parser.add_argument("--replications", type=int, help="replications per cell, instead of the scenarios'")
    parser.add_argument("--only", action="append", choices=FIGURES, help="only this scenario (repeatable)")
    return parser.parse_args()


def picture(name, arguments):
    """The figure of a scenario as the bytes of a PNG."""
    figure, levels = FIGURES[name]
    if (plugins := ROOT / f"scenarios/{name}.py").is_file():
        sc.use(plugins)
    entries = tomllib.loads((ROOT / f"scenarios/{name}.toml").read_text(encoding="utf-8"))
    entries["factors"] |= levels
    run = sc.run(sc.Study(**entries), arguments.out, replications=arguments.replications)
    figures = sc.plot(run)
    if figure not in figures:
        sys.exit(f"gallery: {name} has no figure {figure}; it has {', '.join(figures)}")
    drawn = io.BytesIO()
    resolution = PIXELS / figures[figure].get_figwidth()
    figures[figure].savefig(drawn, dpi=resolution, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return drawn.getvalue()


if __name__ == "__main__":
    main()
