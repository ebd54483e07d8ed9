"""The summary as a table for people: estimators down, bias and variance with their standard errors across."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simcore.registry import plugins

_SHORT = {"undefined": "does not exist", "insufficient": "too few replications"}


def print_summary(table, console=None):
    """Print one rich table per cell: a row per estimator, a column per measure, `value ± mcse`.

    The square roots of other measures that are there are left out: the rows then fit a terminal.
    """
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    measures = list(dict.fromkeys(table["measure"]))
    measures = [name for name in measures if plugins("measures")[name].root_of not in measures]
    for _, rows in table.groupby("cell", sort=False):
        console.print(Text(_title(rows.iloc[0]), style="bold"), soft_wrap=True)
        console.print(_cell_table(rows, measures))
    flags = sorted(set(table["status"]) - {"ok"})
    if flags:
        console.print(Text(_footnote(flags), style="dim"))


def _title(row):
    bad = "" if row["contamination"] == "none" else f"   contamination {row['contamination']}"
    replications = row["n_ok"] + row["n_failed"]
    return f"errors {row['errors']}{bad}   n = {row['n']}   {replications:,} replications"


def _cell_table(rows, measures):
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("estimator")
    for measure in measures:
        table.add_column(measure, justify="right")
    table.add_column("failed", justify="right")
    for estimator, own in rows.groupby("estimator", sort=False):
        by_measure = own.set_index("measure")
        cells = [_cell(by_measure.loc[measure]) for measure in measures]
        table.add_row(Text(estimator), *cells, f"{own.iloc[0]['n_failed']:,}")
    return table


def _cell(row):
    status = row["status"]
    if status in _SHORT:
        return Text(_SHORT[status], style="dim italic")
    if status == "mcse_undefined":
        return Text(f"{row['value']:.4g} ± ?", style="yellow")
    return Text(with_error(row["value"], row["mcse"]) + ("~" if status == "mcse_rough" else ""))


def with_error(value, mcse):
    """`value ± mcse`, the error with two digits and the value to the same place."""
    if mcse <= 0:
        return f"{value:.6g} ± 0"
    places = max(0, 1 - _exponent(mcse))
    if places > 7 or _exponent(mcse) > 4:
        return f"{value:.4g} ± {mcse:.1e}"
    return f"{value:.{places}f} ± {mcse:.{places}f}"


def _exponent(number):
    return int(f"{number:.1e}".partition("e")[2])


def _footnote(flags):
    meanings = {
        "mcse_rough": "~ the Monte Carlo error exists, but is itself heavy-tailed",
        "mcse_undefined": "± ? the value exists, its Monte Carlo error does not",
        "undefined": "does not exist: the moment is infinite in theory, so no number is shown",
        "insufficient": "too few good replications",
    }
    return "\n".join(meanings[flag] for flag in flags)
