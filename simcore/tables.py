"""The summary as a table for people: estimators down, bias and variance with their standard errors across."""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS = ("bias", "variance", "efficiency", "median_abs_error")  # of the many measures, those of a first look
_ROUNDING = 1e-13
_SHORT = {"undefined": "does not exist", "insufficient": "too few replications"}


def print_summary(table, measures=COLUMNS, plain=False, console=None):
    """Print one rich table per cell: a row per estimator, a column per measure, `value ± mcse`.

    plain: below each, where a control variate stands in, the same without it.
    """
    console = console or _console()
    table = table[table["measure"].isin(list(measures))]
    for _, rows in table.groupby("cell", sort=False):
        console.print(Text(_title(rows.iloc[0]), style="bold"), soft_wrap=True)
        console.print(_cell_table(rows, measures, plain))
    flags = sorted(set(table["status"]) - {"ok"})
    if flags:
        console.print(Text(_footnote(flags), style="dim"))


def _title(row):
    bad = "" if row["contamination"] == "none" else f"   contamination {row['contamination']}"
    replications = row["n_ok"] + row["n_failed"]
    return f"errors {row['errors']}{bad}   n = {row['n']}   {replications:,} replications"


def _cell_table(rows, measures, plain):
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("estimator")
    for measure in measures:
        table.add_column(measure, justify="right")
    table.add_column("failed", justify="right")
    for estimator, own in rows.groupby("estimator", sort=False):
        by_measure = own.set_index("measure")
        cells = [_cell(by_measure.loc[measure]) for measure in measures]
        table.add_row(Text(estimator), *cells, f"{own.iloc[0]['n_failed']:,}")
        if plain:
            cells = [_plain_cell(by_measure.loc[measure]) for measure in measures]
            table.add_row(Text("  plain"), *cells, "", style="dim")
    return table


def _plain_cell(row):
    if row["variance_reduction"] is pd.NA or row["variance_reduction"] != "score" or pd.isna(row["plain_value"]):
        return Text("")
    if pd.isna(row["plain_mcse"]):
        return Text(f"{row['plain_value']:.4g} ± ?")
    return Text(with_error(row["plain_value"], row["plain_mcse"]))


def print_comparisons(table, console=None):
    """Print one rich table per cell: a row for every pair of estimators."""
    console = console or _console()
    for _, rows in table.groupby("cell", sort=False):
        first = rows.iloc[0]
        bad = "" if first["contamination"] == "none" else f"   contamination {first['contamination']}"
        console.print(Text(f"errors {first['errors']}{bad}   n = {first['n']}", style="bold"), soft_wrap=True)
        printed = Table(box=box.SIMPLE_HEAD)
        for column in ("estimator", "other"):
            printed.add_column(column)
        for column in (f"difference of {first['measure']}", "verdict", "nearer to the truth"):
            printed.add_column(column, justify="right")
        for _, row in rows.iterrows():
            closer = f"{100 * row['closer']:.1f} % ± {100 * row['closer_mcse']:.1f}" if pd.notna(row["closer"]) else ""
            printed.add_row(row["estimator"], row["other"], _difference(row), _VERDICTS.get(row["verdict"], ""), closer)
        console.print(printed)
    note = "difference: of estimator less that of other; nearer: share of samples in which estimator was"
    console.print(Text(note, style="dim"))


_VERDICTS = {"smaller": "estimator better", "larger": "other better", "within error": "within the error"}


def _difference(row):
    if row["status"] in _SHORT:
        return Text(_SHORT[row["status"]], style="dim italic")
    if row["status"] == "mcse_undefined":
        return Text(f"{row['difference']:.4g} ± ?", style="yellow")
    return Text(with_error(row["difference"], row["mcse"]))


def _console():
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    return console


def _cell(row):
    status = row["status"]
    if status in _SHORT:
        return Text(_SHORT[status], style="dim italic")
    if status == "mcse_undefined":
        return Text(f"{row['value']:.4g} ± ?", style="yellow")
    if row["variance_reduction"] is not pd.NA and row["variance_reduction"] == "score" and _exact(row):
        return Text(f"{row['value'] if abs(row['value']) > _ROUNDING * row['scale'] else 0:.6g} exact")
    return Text(with_error(row["value"], row["mcse"]) + ("~" if status == "mcse_rough" else ""))


def _exact(row):
    """Whether the control variate has taken all of the error but for rounding, as for the mean of normal errors."""
    return 0.0 < row["mcse"] <= _ROUNDING * max(abs(row["value"]), row["scale"])


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
        "mcse_rough": "~ the Monte Carlo error is rough: itself heavy-tailed, or outliers too rare to be seen matter",
        "mcse_undefined": "± ? the value exists, its Monte Carlo error does not",
        "undefined": "does not exist: the moment is infinite in theory, so no number is shown",
        "insufficient": "too few good replications",
    }
    return "\n".join(meanings[flag] for flag in flags)
