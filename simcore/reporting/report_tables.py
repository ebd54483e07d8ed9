"""The tables of a report: who is best in each cell, the summary, what became of fits that failed. Markup comes out."""

import pandas as pd

from simcore import codes, tables
from simcore.registry import plugins
from simcore.reporting import markup, verdicts
from simcore.reporting.markup import Cell
from simcore.statuses import INSUFFICIENT, MEANINGS, NO_MCSE, OK, ROUGH, UNDEFINED
from simcore.store import SUMMARY

MOST_ROWS, MOST_CASES, MOST_FAILURES = 3000, 200, 50
WORDS = {
    **{OK: "ok", ROUGH: "error is rough", NO_MCSE: "has no error", UNDEFINED: "does not exist"},
    INSUFFICIENT: "too few replications",
}
_TIES = {
    verdicts.TIED: "within the error",
    verdicts.EQUALS: "equal",
    verdicts.UNKNOWN: "no error to compare by",
}


def winners_of(table, verdict):
    """The best estimator of each case by each criterion; nothing where there is nothing to compare."""
    return "".join(winners(table, *own) for own in verdict.cases.items()) if verdict.compares else ""


def winners(table, criterion, cases):
    """The best estimator of each case, and how far off the next best is."""
    shown, exact = cases[:MOST_CASES], _problem(table).exact is not None
    factors = _varying(pd.DataFrame([{**case.place, "parameter": case.parameter} for case in cases]))
    head = ["cell", *factors, "best", "value" if exact else "value ± MCSE"]
    head += [] if exact else ["next best", "difference ± MCSE"]
    robust = any(case.measure != criterion.measure for case in shown)
    head += ["by"] * robust
    numbers = {
        (row["cell"], row["parameter"], row["estimator"], row["measure"]): row
        for row in table[table["measure"].isin({case.measure for case in shown})].to_dict("records")
    }
    rows = []
    for case in shown:
        place = {**case.place, "parameter": case.parameter}
        name = next((name for name, (_, mcse) in case.values.items() if name in case.best and mcse is not None), None)
        row = [
            _plain(case.cell),
            *(_plain(place.get(name)) for name in factors),
            Cell(_best(case, exact, name), kind="words"),
        ]
        found = numbers.get((case.cell, case.parameter, name, case.measure))
        row.append("" if found is None else _number(found, exact)[0])
        if not exact:
            row += [case.next or "", tables.with_error(*case.margin) + "~" * case.rough if case.margin else ""]
        rows.append(row + [case.measure.replace("_", " ") if name else ""] * robust)
    caption = f"Who has {criterion.best}"
    left = len(cases) - len(shown)
    more = markup.paragraph(f"{left:,} more are left out here; simcore compare prints them all.") if left else ""
    why = f"where {criterion.noun}s cannot be compared, as they are infinite or have no Monte Carlo error"
    by = f"by: the median absolute error {why}."
    told = markup.paragraph(by, "legend") if robust else ""
    return _marks(rows) + told + markup.table(caption, head, rows, header=0, stacked=True) + more


def _marks(rows):
    """What marks in the cells of a table mean."""
    shown = [text for row in rows for text in row]
    found = [("~", ROUGH)] if any(text.endswith("~") for text in shown) else []
    found += [("± ?", NO_MCSE)] if any(text.endswith("± ?") for text in shown) else []
    return "".join(markup.paragraph(f"{mark}: {MEANINGS[status]}.", "legend") for mark, status in found)


def _best(case, exact, first):
    """Who is best, the one first whose value is shown."""
    if not case.best:
        return {verdicts.ESTIMANDS: "different estimands", verdicts.SILENT: "too few replications"}[case.why]
    names = sorted(case.best, key=lambda name: name != first)
    why = "equal" if exact else _TIES.get(case.why)
    text = case.winner or f"{why}: {', '.join(names)}"
    return text + (f"; not judged: {', '.join(case.unjudged)}" if case.unjudged else "")


def summary(table, verdict, folder):
    """The summary, as much of it as a page can hold, with what it can be filtered by. folder: of the run, in words."""
    problem, exact = _problem(table), verdict.exact
    table = _in_order(table, problem, verdict)
    shown, factors = table.iloc[:MOST_ROWS], _factors(table, problem)
    head = ["cell", *factors, "estimator", "measure", "value" if exact else "value ± MCSE", "status"]
    head += [] if exact else ["failed"]
    rows = []
    for row in shown.to_dict("records"):
        text, key = _number(row, exact)
        named = [_plain(row[name]) for name in ("cell", *factors, "estimator", "measure")]
        rows.append(
            [*named, Cell(text, key, "num"), WORDS[row["status"]]] + ([] if exact else [_plain(row["n_failed"])])
        )
    head[head.index("status") - 1] = Cell(head[head.index("status") - 1], kind="num")
    lists = [
        (name, dict.fromkeys(row[head.index(name)] for row in rows)) for name in ("measure", "estimator", *factors)
    ]
    first = {"measure": str(shown["measure"].iloc[0])}
    lists = [(name, head.index(name), texts, first.get(name, "")) for name, texts in lists if len(texts) > 1]
    words = [(WORDS[name], _meaning(name)) for name in MEANINGS if (shown["status"] == name).any()]
    return (
        markup.paragraph(_left_out(table, shown, f"{folder}/{SUMMARY}"))
        + _marks(rows)
        + markup.filters(lists)
        + markup.table("Summary table", head, rows, header=head.index("estimator"), name="rows", stacked=True)
        + (markup.definitions(words) if words else "")
    )


def _meaning(status):
    """What a word for a status means, without that word."""
    whole = MEANINGS[status]
    return whole.partition(f"{WORDS[status]}: ")[2] or whole


def _left_out(table, shown, path):
    """What the page does not show, and where all of it is."""
    whole = f"Every row, with intervals and all columns, is in {path}."
    if len(shown) == len(table):
        return whole
    counts, kept = table["measure"].value_counts(), shown["measure"].value_counts()
    partly = [name for name in dict.fromkeys(table["measure"]) if kept.get(name, 0) < counts[name]]
    here = f"{len(shown):,} of {len(table):,} rows"
    return f"The table below has {here}; what it leaves out is of {', '.join(partly)}. {whole}"


def failures(table, verdict):
    """What became of fits that did not end as usual."""
    if verdict.exact:
        failed = int((table["status"] == INSUFFICIENT).sum())
        return markup.paragraph(f"{failed:,} values are missing, as a fit failed." if failed else "No fit failed.")
    bad = int(table.drop_duplicates(["cell", "estimator"])["n_failed"].sum())
    text = f"{bad:,} fits gave no estimate; they are counted, never redrawn." if bad else "Every fit gave an estimate."
    own = table[table["measure"].isin(codes.NAMES) & (table["value"].fillna(0.0) > 0.0)]
    own = own.drop_duplicates(["cell", "estimator", "measure"])
    if own.empty:
        return markup.paragraph(text)
    factors = [name for name in _factors(table, _problem(table)) if name != "parameter"]
    shown = own.sort_values("value", ascending=False, kind="stable").iloc[:MOST_FAILURES].to_dict("records")
    rows = [
        [*(_plain(row[name]) for name in ("cell", *factors, "estimator", "measure")), _number(row, False)[0]]
        + [_plain(row["n_failed"])]
        for row in shown
    ]
    caption = "Fits that did not end as usual"
    caption += f": the {len(shown)} largest shares of {len(own):,}" if len(shown) < len(own) else ""
    head = ["cell", *factors, "estimator", "what", "share ± MCSE", "fits without an estimate"]
    table = markup.table(caption, head, rows, header=head.index("estimator"))
    return markup.paragraph(text) + _marks(rows) + table


def _problem(table):
    return plugins("problems")[table["problem"].iloc[0]]


def _in_order(table, problem, verdict):
    """The rows of a summary, those of the measures that people see first before the others."""
    first = [criterion.measure for criterion in verdict.cases] + list(problem.shown)
    order = {name: k for k, name in enumerate(dict.fromkeys([*first, *table["measure"]]))}
    return table.sort_values("measure", key=lambda names: names.map(order), kind="stable")


def _factors(table, problem):
    """The columns that tell rows apart beside cell, estimator and measure."""
    names = ["errors", "contamination", "n", *(setting.name for setting in problem.settings), "design", "parameter"]
    return _varying(table[[name for name in names if name in table]])


def _varying(table):
    return [name for name in table if table[name].nunique(dropna=False) > 1]


def _number(row, exact):
    """(text, key to sort by) of the value of a row."""
    if pd.isna(row["value"]):
        return (tables.exact_text(row).plain if exact else "–"), ""
    text = tables.exact_text(row) if exact else tables.value_text(row)
    return text.plain, repr(float(row["value"]))


def _plain(value):
    if pd.isna(value):
        return ""
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
