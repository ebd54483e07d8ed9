"""The summary as a table for people: estimators down, bias and variance with their standard errors across."""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simcore.comparisons import equal, same_truth
from simcore.drawing.factors import spread
from simcore.errors import command
from simcore.registry import plugins
from simcore.statuses import INSUFFICIENT, MEANINGS, NO_MCSE, OK, ROUGH, UNDEFINED
from simcore.summaries import unit
from simcore.wording import cannot_have, counted, ranges

_MOST_FAILURES = 10  # in a table
_SEARCHED = 1e-9  # rounding of fits with outliers far off
_SHORT = {UNDEFINED: "does not exist", INSUFFICIENT: "too few replications"}
_MARKS = {ROUGH: "~ ", NO_MCSE: "± ? "}
_DIFFERENT = (
    "estimators with different estimands answer different questions, whichever loss is smaller: "
    'estimand = "mean" or "median" in the scenario measures all against one'
)


def print_summary(table, measures=None, plain=False, console=None, study=None):
    """Print one rich table per cell: a row per parameter and estimator, a column per measure, `value ± mcse`.

    plain: below each, where a control variate stands in, the same without it. study: what the table is of, to say what
    efficiencies are relative to. Measures that the terminal has no room for are left out, and named at the end.
    """
    console = console or terminal()
    measures, told_of_precision = measures or _first_shown(table), _precision_notes(table, study)
    table = table[table["measure"].isin(list(measures))]
    measures = [measure for measure in measures if (table["measure"] == measure).any()]
    if plugins("problems")[table["problem"].iloc[0]].exact:
        return _print_exact(table, measures, console)
    cells = [
        (cell_title(rows.iloc[0]), _lines(rows, measures, plain), _estimands(rows))
        for _, rows in table.groupby("cell", sort=False)
    ]
    widths = _widths([line for _, lines, _ in cells for line, _ in lines], measures)
    shown = len(measures)
    while shown > 1 and sum(widths[: shown + 2]) + widths[-1] > console.width:
        shown -= 1
    for title, lines, estimands in cells:
        console.print(Text(title, style="bold"), soft_wrap=True)
        console.print(_laid_out(lines, measures, shown, widths))
        if estimands:
            console.print(Text(estimands, style="dim"), soft_wrap=True)
    if shown < len(measures):
        names = ", ".join(measures[shown:])
        told = f"too wide to be shown here: {names}; simcore show --measure NAME prints them, or a wider terminal"
        console.print(Text(told, style="dim"))
    compared = [name for name in measures[:shown] if plugins("measures")[name.partition("(")[0]].compares]
    notes = [_relative_to(name, study.reference) for name in compared] if study else []
    notes += [_DIFFERENT] * (bool(compared) and any(estimands for _, _, estimands in cells))
    flags = sorted(set(table["status"]) - {"ok"})
    notes += [_MARKS.get(flag, "") + MEANINGS[flag] for flag in flags]
    notes += told_of_precision
    if notes:
        console.print(Text("\n".join(notes), style="dim"))


def _first_shown(table):
    """The measures that the problem of a table has people see first."""
    problem = plugins("problems")[table["problem"].iloc[0]]
    return (table["contamination"] != "none").any() and problem.shown_contaminated or problem.shown


def _relative_to(measure, reference):
    """What a measure that compares estimators says, in a line."""
    part = {"efficiency": "variance", "efficiency_mse": "mse"}.get(measure)
    if part:
        return f"{measure}: {part} of {reference} (the reference) over that of the estimator"
    return f"{measure}: {plugins('measures')[measure.partition('(')[0]].meaning}; the reference is {reference}"


def _print_exact(table, measures, console):
    """Of each sample size and error distribution one table of what depends on where outliers stand, and one of the
    rest: a row per parameter and estimator, values alone."""
    around = [name for name in _SETTINGS if name in table and name not in ("at", "outliers")]
    for _, own in table.groupby(["n", "errors", *around], sort=False):
        first = own.iloc[0]
        settings = "".join(f"   {name} = {_number(first[name])}" for name in around)
        title = f"errors {first['errors']}   n = {first['n']}{settings}"
        for measure in measures:
            rows = own[own["measure"] == measure]
            if rows["at"].notna().any():
                least = rows["outliers"].min()
                rows = rows[rows["outliers"].isna() | (rows["outliers"] == least)]
                count = "" if pd.isna(least) else f"   outliers = {least:g}"
                console.print(Text(f"{title}{count}   {measure}, by `at`", style="bold"), soft_wrap=True)
                _print_values(rows, [(measure, "at", _spread(rows["at"]))], console)
        rest = [name for name in measures if own.loc[own["measure"] == name, "at"].isna().all()]
        if rest:
            columns = [(name, "outliers", _spread(own.loc[own["measure"] == name, "outliers"])) for name in rest]
            several = [name for name, _, values in columns if values != [None]]
            what = "   ".join(f"{name}, by `outliers`" for name in several)
            console.print(Text(f"{title}   {what or 'wherever outliers stand'}", style="bold"), soft_wrap=True)
            _print_values(own, columns, console)
    notes = "∞: carried beyond all bounds; -: not known in theory. Every value, of every `at`: --json, summary.parquet"
    console.print(Text(notes, style="dim"))


_MOST_ACROSS = 9  # values of a measure side by side


def _spread(values):
    """At most so many of some settings; [None] where there are none."""
    return spread(sorted(values.dropna().unique()), _MOST_ACROSS) or [None]


def _print_values(rows, columns, console):
    """columns: (measure, setting, its values) of each group of columns."""
    printed, several = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)), rows["parameter"].nunique() > 1
    for name in ("parameter",) * several + ("estimator",):
        printed.add_column(name, no_wrap=True)
    for measure, _, values in columns:
        for value in values:
            heading = measure.replace("_", "\n") if len(columns) > 1 and value is None else ""
            printed.add_column(heading or _number(value), justify="right", no_wrap=True)
    for estimator, mine in rows.groupby("estimator", sort=False):
        together = mine[mine["parameter"] == "beta"]
        for k, (parameter, own) in enumerate(mine[mine["parameter"] != "beta"].groupby("parameter", sort=False)):
            own = pd.concat([own, together]) if k == 0 else own
            found = {
                (row["measure"], _or_none(row[setting])): row for _, setting, _ in columns for _, row in own.iterrows()
            }
            texts = [exact_text(found.get((measure, value))) for measure, _, values in columns for value in values]
            printed.add_row(*map(Text, [parameter] * several + [estimator]), *texts)
    console.print(printed)


def _or_none(value):
    return None if pd.isna(value) else value


def exact_text(row):
    """The same of a problem where nothing is random; of no row, nothing."""
    if row is None:
        return Text("")
    if pd.isna(row["value"]):
        broken = row["status"] == UNDEFINED and row["measure"] == "max_bias"
        return Text("∞" if broken else "failed" if row["status"] == INSUFFICIENT else "-", style="dim")
    value = row["value"] if abs(row["value"]) > _SEARCHED * row["scale"] else 0.0
    return Text(f"{value:.4g}")


def _estimands(rows):
    """What the estimators of a cell are measured against, where that is not the same for all; else nothing."""
    told = []
    for parameter, own in rows.groupby("parameter", sort=False):
        truths = own.drop_duplicates("estimator").set_index("estimator")["truth"]
        first, *others = truths
        if not all(same_truth(first, other, own["scale"].iloc[0]) for other in others):
            each = ", ".join(f"{name} {'?' if pd.isna(value) else f'{value:.4g}'}" for name, value in truths.items())
            why = " (?: none, or none that is known)" if truths.isna().any() else ""
            told.append(f"{parameter} against each one's own value at the errors' distribution: {each}{why}")
    return "\n".join(told)


def cell_title(row):
    """What cell a row of the summary, a pandas.Series, is of."""
    bad = "" if row["contamination"] == "none" else f"   contamination {row['contamination']}"
    plan = f"   design {row['design']}" if "design" in row.index else ""
    count = f"   {counted(row['n_ok'] + row['n_failed'], 'replication')}" if "n_ok" in row.index else ""
    own = [setting.name for setting in plugins("problems")[row["problem"]].settings] if "problem" in row else _SETTINGS
    settings = "".join(f"   {name} = {_number(row[name])}" for name in own if name in row.index)
    number = f"cell {row['cell']}   " if "cell" in row.index else ""
    return f"{number}errors {row['errors']}{bad}{plan}   n = {row['n']}{settings}{count}"


# Some problems have settings of the same name.
_SETTINGS = [*dict.fromkeys(setting.name for problem in plugins("problems").values() for setting in problem.settings)]


def _number(value):
    return value if isinstance(value, str) else f"{value:g}"


def _lines(rows, measures, plain):
    """(texts, style) of each line of a cell: parameter, estimator, measures and failures."""
    lines, several = [], rows["parameter"].nunique() > 1
    for parameter, own in rows.groupby("parameter", sort=False):
        for estimator, mine in own.groupby("estimator", sort=False):
            found = mine.set_index("measure", drop=False)
            head = [Text(parameter if several else ""), Text(estimator)]
            texts = [value_text(found.loc[measure]) if measure in found.index else Text("") for measure in measures]
            lines.append(([*head, *texts, Text(f"{mine.iloc[0]['n_failed']:,}")], ""))
            if plain:
                texts = [_plain_cell(found.loc[name]) if name in found.index else Text("") for name in measures]
                lines.append(([Text(""), Text("  plain"), *texts, Text("")], "dim"))
    return lines


def _widths(lines, measures):
    """Of each column of all tables together, with what parts it from the next."""
    heads = ("", "estimator", *measures, "failed")
    return [2 + max([len(head), *(line[k].cell_len for line in lines)]) for k, head in enumerate(heads)]


def _laid_out(lines, measures, shown, widths):
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    several = any(line[0].plain for line, _ in lines)
    names = ("", "estimator", *measures[:shown], "failed")
    kept = [k for k in range(shown + 2) if k or several] + [len(measures) + 2]
    for k in kept:
        name = names[-1] if k == kept[-1] else names[k]
        side = "left" if k < 2 else "right"
        table.add_column(name, justify=side, min_width=widths[k] - 2, no_wrap=True, overflow="fold")
    before = None
    for line, style in lines:
        if before not in (None, line[0].plain) and line[0].plain:
            table.add_section()
        before = line[0].plain or before
        table.add_row(*(line[k] for k in kept), style=style)
    return table


def _precision_notes(table, study):
    """How many numbers of all have the precision that a study asks for, and which cannot have it."""
    if study is None or not study.precision:
        return []
    own = table[table["measure"].str.partition("(")[0] == study.precision.measure]
    counts = own["precision"].value_counts()
    told = [f"precision asked for: met by {counts.get('met', 0)} numbers, not met by {counts.get('not_met', 0)}"]
    lacking = own[~own["status"].isin([OK, ROUGH])].groupby("estimator", sort=False)["cell"]
    return told + [*cannot_have(study.precision, {label: cells.unique().tolist() for label, cells in lacking})]


def _plain_cell(row):
    if row["variance_reduction"] is pd.NA or row["variance_reduction"] != "score" or pd.isna(row["plain_value"]):
        return Text("")
    if pd.isna(row["plain_mcse"]):
        return Text(f"{row['plain_value']:.4g} ± ?")
    return Text(with_error(row["plain_value"], row["plain_mcse"]))


def print_progress(found, console=None):
    """Print a row for each cell of a `progress.Progress`: replications that are stored, blocks that are missing, and,
    where there are any, those of them that failed. None of an exact problem, which has no replications."""
    console = console or terminal()
    if not plugins("problems")[found.study.problem].exact:
        console.print(_progress_of_cells(found))
    for failure in found.failed[:_MOST_FAILURES]:
        console.print(Text(f"failed: {failure}"), soft_wrap=True)
    console.print(Text(_where(found)), soft_wrap=True)


def _progress_of_cells(found):
    printed = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = ("cell", "", "replications", "blocks missing", "failed")[: 5 if found.failed else 4]
    for k, name in enumerate(names):
        printed.add_column(name, justify="left" if k == 1 else "right", no_wrap=k != 1)
    asked = "" if found.study.precision else f" of {found.study.replications:,}"
    for own in found.cells:
        cell = own.cell
        design = {"design": cell.design.label} if cell.design else {}
        row = {"errors": cell.errors.label, "contamination": cell.contamination.label, "n": cell.n}
        title = cell_title(pd.Series(row | design | cell.setting))
        counts = [f"{len(blocks):,}" if blocks else "" for blocks in (own.missing, own.failed)]
        printed.add_row(f"{cell.number}", Text(title), f"{own.replications:,}{asked}", *counts[: len(names) - 3])
    return printed


def _where(found):
    """How far a run is, in a sentence."""
    if found.finished:
        return f"finished, by the names of its files; {command('verify', found.path)} reads what is in them"
    if not found.missing:
        return f"all is computed; {command('merge', found.path)} summarises it"
    told = counted(found.missing, "block is missing", "blocks are missing")
    return f"{told}, of shards {ranges(found.unfinished)} of {found.shards}" if found.shards else told


def print_comparisons(table, console=None):
    """Print one rich table per cell: a row for every pair of estimators."""
    console = console or terminal()
    several, losses = set(table["parameter"]) != {"theta"}, (table["measure"] != "mean").all()
    for _, rows in table.groupby("cell", sort=False):
        first = rows.iloc[0]
        console.print(Text(cell_title(first), style="bold"), soft_wrap=True)
        printed = Table(box=box.SIMPLE_HEAD)
        for column in ("parameter", "estimator", "other")[0 if several else 1 :]:
            printed.add_column(column, overflow="fold")
        judged = ("better", "nearer to the truth") if losses else ("smaller",)
        for column in (f"difference of {first['measure']}", *judged):
            printed.add_column(column, justify="right", overflow="fold")
        for _, row in rows.iterrows():
            closer = f"{100 * row['closer']:.1f} % ± {100 * row['closer_mcse']:.1f}" if pd.notna(row["closer"]) else ""
            names = [row["parameter"]] * several + [row["estimator"], row["other"]]
            printed.add_row(*map(Text, names), _difference(row), _better(row), *([closer] if losses else []))
        console.print(printed)
    notes = [
        f"difference: of estimator less that of other; {judged[0]}: beyond a 95 % interval of this pair alone"
        + ("; nearer: share of the samples in which estimator was nearer, of those where they differ" * bool(losses))
    ]
    notes += ["equal: the same in every sample, but for rounding"] * any(equal(row) for _, row in table.iterrows())
    notes += [_MARKS[NO_MCSE] + MEANINGS[NO_MCSE]] if (table["status"] == NO_MCSE).any() else []
    if (table["truth"] != table["other_truth"]).any():
        notes.append(_DIFFERENT)
    console.print(Text("\n".join(notes), style="dim"))


def _better(row):
    if equal(row):
        return Text("equal")
    found = {"smaller": row["estimator"], "larger": row["other"], "within error": "within the error"}
    return Text(found.get(row["verdict"], row["verdict"]) if pd.notna(row["verdict"]) else "")


def _difference(row):
    verdict = row["verdict"] if row["status"] == UNDEFINED and pd.notna(row["verdict"]) else None
    if verdict in ("smaller", "larger"):
        infinite = row["other"] if verdict == "smaller" else row["estimator"]
        return Text(f"infinite for {infinite}", style="dim italic")
    if verdict == "neither":
        return Text("infinite for both", style="dim italic")
    if row["status"] in _SHORT:
        return Text(_SHORT[row["status"]], style="dim italic")
    if row["status"] == NO_MCSE:
        return Text(f"{row['difference']:.4g} ± ?", style="yellow")
    return Text(with_error(row["difference"], row["mcse"]))


def terminal():
    """A console as wide as the terminal, or as 140 letters."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140
    return console


def number_text(row):
    """The same as a plain string."""
    return value_text(row).plain


def value_text(row):
    """What a table shows of a row of the summary: its value with the error, or why there is none."""
    status = row["status"]
    if status in _SHORT:
        return Text(_SHORT[status], style="dim italic")
    if status == NO_MCSE:
        return Text(f"{row['value']:.4g} ± ?", style="yellow")
    if row["mcse"] == 0.0 and row["variance_reduction"] is not pd.NA and row["variance_reduction"] == "score":
        size = unit(row["measure"], row["scale"])  # 0 of an efficiency, which is 1 of the reference by definition
        if size:
            return Text(f"{row['value']:.6g} exact")
    return Text(with_error(row["value"], row["mcse"]) + ("~" if status == ROUGH else ""))


def with_error(value, mcse):
    """`value ± mcse`, the error with two digits and the value to the same place, of whatever size they are."""
    if mcse <= 0:
        return f"{value:.6g} ± 0"
    place = _exponent(f"{mcse:.1e}") - 1  # of the last digit of the error, a power of ten
    if not -8 <= place <= 3 or abs(value) >= 1e12:
        return f"{_to_place(value, place)} ± {mcse:.1e}"
    places = max(0, -place)
    shown = f"{value:.{places}f}"
    return f"{shown if float(shown) else shown.lstrip('-')} ± {mcse:.{places}f}"


def _to_place(value, place):
    """A value that is not written out, with all digits down to a place, or as many as a float has."""
    if abs(value) < 0.5 * 10.0**place:
        return "0"
    digits = _exponent(f"{value:.16e}") - place + 1
    return f"{value:#.{max(1, digits)}g}".replace(".e", "e").rstrip(".") if digits <= 17 else repr(float(value))


def _exponent(written):
    return int(written.partition("e")[2])
