"""Which line figures the factors of a study ask for: what is on the x axis of each, and what has panels.

Use `of`. Another measure is one entry of SHOWN.
"""

from dataclasses import dataclass, replace

from simcore.drawing import drawable, factors
from simcore.registry import plugins


@dataclass(frozen=True)
class Shown:
    """How a measure is shown: what it is called, its unit, if it has one, and whether on a log axis.

    short: what it is called at the axis, if not the same. apart: quantities share no axis, as they have units of their
    own.
    cut: the y axis ends where most curves do.
    scaled: name of the figure of n times the measure against n; all other figures then show n times it, too.
    only: the kinds of figures it has, if not all.
    """

    name: str
    unit: str = ""
    log: bool = False
    short: str = ""
    scaled: str = ""
    only: tuple = ()
    apart: bool = False
    cut: bool = False


# Every measure that has figures, in their order. The others of a table are left out, but for the glances of a problem.
SHOWN = {
    "mean": Shown("mean", apart=True),
    "variance": Shown(
        "variance of the estimate", "data units²", log=True, short="variance", scaled="n_scaled", apart=True
    ),
    "bias": Shown("bias of the estimate", "data units", short="bias", apart=True),
    "rmse": Shown(
        "root mean square error", "data units", log=True, short="RMSE", only=("contamination", "kinds"), apart=True
    ),
    "efficiency_bound": Shown("efficiency (Cramér-Rao bound / variance)", short="efficiency (bound / variance)"),
}


@dataclass(frozen=True)
class View:
    """A figure: measures (times n if scaled) against factor x; a panel for each level of factors rows and columns,
    of which either may be "", a factor that does not vary. Several measures are the factor "measure".

    parameters: those to show; (): all.
    """

    name: str
    measures: tuple
    x: str
    rows: str
    columns: str
    shown: Shown
    scaled: bool = False
    parameters: tuple = ()

    @property
    def factors(self):
        return self.x, self.rows, self.columns

    def called(self, name):
        """A name of the measure, or of n times it."""
        return f"n × {name}" if self.scaled else name


RATIOS = {"efficiency": "variances", "efficiency_mse": "MSEs", "efficiency_mae": "MAEs"}  # of efficiencies


def shown(measures=None, reference="the reference"):
    """Name -> Shown of the measures that are asked for; None: of those that have figures anyway.

    reference: the label of the estimator that efficiencies are relative to.
    """
    if measures is None:
        return SHOWN
    return {name: replace(SHOWN.get(name) or _asked_for(name, reference), only=()) for name in measures}


def _asked_for(name, reference):
    """How a measure is shown that has figures only where it is asked for."""
    called, plugin = name.replace("_", " "), plugins("measures").get(name)
    if name in RATIOS:
        short = f"efficiency relative to {reference}"
        return Shown(f"{short} (ratio of {RATIOS[name]})", short=short)
    return Shown(f"{called} relative to {reference}" if plugin and plugin.compares else called)


def of(table, measures, glances=True):
    """The figures for the factors that vary; where none does, those that compare the estimators.

    measures: name -> Shown. glances: whether with the figures that a problem asks for.
    """
    settings = factors.settings_of(table)
    counts = {factor: table[factor].nunique() for factor in ("errors", "n", "contamination", "design", *settings)}
    bad = table[table["kind"] != "none"]
    families = bad["family"][bad["fraction"].notna()].nunique()
    several = counts["contamination"] > 1
    if counts["contamination"] > 3:
        counts["contamination"] = 1  # too many for panels, and they have figures of their own
    plans = []
    problem = factors.problem_of(table)
    if counts["errors"] > 1 and (problem is None or problem.errors):  # else they have no common order
        plans += [("tails", "errors", ("n", *settings, "design", "contamination"))]
    if counts["n"] > 1:
        others = ("errors", *settings, "design", "contamination")
        plans += [("n", "n", others if counts["errors"] <= 4 else (*settings, "errors", "design"))]
    for setting in settings:
        others = ("errors", *(other for other in settings if other != setting), "contamination", "n")
        plans += [(setting, setting, others)] if counts[setting] > 1 else []
    if several and families:
        plans += [("contamination", "fraction", ("errors", *settings, "design", "n"))]
    if several and bad["fraction"].isna().any():
        plans += [("kinds", "contamination", ("errors", *settings, "design", "n"))]
    if not plans:
        plans = [("design", "design", ()) if counts["design"] > 1 else ("estimators", "estimator", ())]
    views = [_glance_view(table, glance) for glance in drawable.glances(table) if glances]
    values = [name for name, quantity in factors.quantities_of(table).items() if quantity.of == "values"]
    for name, x, beside in plans:
        for measure, shown in measures.items():
            own = table[table["measure"] == measure]
            own = own[~own["parameter"].isin(values)] if measure != "mean" else own
            if own.empty or shown.only and name not in shown.only:
                continue
            varying = counts | {"parameter": own["parameter"].nunique()}
            order = ("parameter", *beside) if measure == "mean" else (*beside, "parameter")
            lines = _beside(varying, order, name == "contamination" and families > 1)
            scaled = bool(shown.scaled) and not settings
            common = {"shown": shown, "parameters": tuple(own["parameter"].unique())}
            views += [View(f"{name}_{measure}", (measure,), x, *lines, scaled=scaled and name != "n", **common)]
            if scaled and name == "n":
                views.append(View(shown.scaled, (measure,), x, *lines, scaled=True, **common))
    return views


def _glance_view(table, glance):
    """The View of a `registry.Glance`; what is to be seen beside it and does not vary is left out."""
    own = table[table["measure"].isin(glance.measures)]
    own = own[own["parameter"].isin(glance.parameters or own["parameter"])]
    rows, columns = (factor if factor and own[factor].nunique() > 1 else "" for factor in (glance.rows, glance.columns))
    shown = Shown(glance.title, log=glance.log, short=glance.label, apart=glance.apart, cut=glance.cut)
    return View(glance.name, glance.measures, glance.x, rows, columns, shown, parameters=glance.parameters)


def _beside(counts, beside, families=False):
    """The factors rows and columns of panels: the second and the first that vary, or `families` and the first."""
    columns, rows, *_ = [*(factor for factor in beside if counts[factor] > 1), "", ""]
    rows = "family" if families else rows
    return ("parameter", rows) if columns == "parameter" else (rows, columns)  # parameters in lines: axes of their own
