"""simcore: which loss should I use when errors have heavy tails or outliers, and how sure is that answer?

    import simcore as sc
    study = sc.load("scenarios/heavy_tails.toml")
    run = sc.run(study, out="results", threads=2)
    run.summary()
    sc.plot(run)
    sc.fit([1, 2, 9], loss="huber", k=1.345)
"""

import importlib

__version__ = "0.1.0"
_HOME = {
    "Study": ("scenario", "Study"),
    "load": ("scenario", "load"),
    "use": ("own", "use"),
    "check": ("contracts", "check"),
    "Run": ("results", "Run"),
    "run": ("runs", "run"),
    "extend": ("runs", "extend"),
    "merge": ("runs", "merge"),
    "status": ("progress", "status"),
    "open": ("results", "open_run"),
    "verify": ("audit", "verify"),
    "repair": ("repairs", "repair"),
    "plot": ("results", "plot"),
    "report": ("results", "report"),
    "export": ("exports", "export"),
    "Replication": ("replays", "Replication"),
    "replay": ("replays", "replay"),
    "Fit": ("fitting", "Fit"),
    "fit": ("fitting", "fit"),
    "Sensitivity": ("fitting", "Sensitivity"),
    "sensitivity": ("fitting", "sensitivity"),
    "LossSurface": ("surfaces", "LossSurface"),
    "loss_surface": ("surfaces", "loss_surface"),
    "network_surface": ("landscapes", "network_surface"),
    "plot_loss_surfaces": ("drawing.surface_figures", "plot_loss_surfaces"),
    "SimcoreError": ("errors", "SimcoreError"),
    "ScenarioError": ("errors", "ScenarioError"),
}
__all__ = [*_HOME, "__version__"]  # noqa: PLE0604


def __getattr__(name):
    """Import on first use: the command line and scenario checks need neither Numba nor pandas."""
    if name not in _HOME:
        raise AttributeError(f"module 'simcore' has no attribute {name!r}")
    module, attribute = _HOME[name]
    value = getattr(importlib.import_module(f"simcore.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_HOME])
