"""Figures that sentences of the documents state: they are those of the tables that they come from."""

import math
import re

import pandas as pd
import pytest

from tests.documents import ROOT

HALF = 150  # of the 300 studies of a number whose status depends on the sample


def sentences(document):
    return " ".join((ROOT / document).read_text().split())


def calibration(name, status):
    """The numbers of a status that can be covered at all."""
    table = pd.read_csv(ROOT / "results/calibration" / f"{name}.csv")
    return table[(table["status"] == status) & table["coverage"].notna()]


def by_tails(status):
    """The numbers whose status comes of the tail of the estimates."""
    return pd.concat([calibration("coverage_skewed", status), calibration("coverage_regression", status)])


def spread(coverages):
    return f"{coverages.min():.1f} to {coverages.max():.1f} %"


def pooled(table):
    """The share that all intervals together cover."""
    return (table["coverage"] * table["studies"]).sum() / table["studies"].sum()


def test_what_intervals_cover():
    found = calibration("coverage", "ok")
    assert {*found["studies"]} == {4000} and found["coverage"].between(93.5, 96.5).all()
    for document, say in (("README.md", "where"), ("results/README.md", "wherever")):
        stated = f"cover the truth {spread(found['coverage'])} of the time {say} `status` is `ok`"
        assert stated in sentences(document), stated
    assert "`ok` lie in the grey band from 93.5 to 96.5 %" in sentences("scripts/README.md")


def test_what_intervals_cover_where_the_status_depends_on_the_sample():
    found = by_tails("ok")
    often, seldom = found[found["studies"] >= HALF], found[found["studies"] < HALF]
    assert found["studies"].max() == 2 * HALF
    own, mean = often["coverage"], f"{often['coverage'].mean():.1f}"
    least, most = seldom["studies"].min(), seldom["studies"].max()
    stated = (
        f"in 300 studies of each. Numbers that are `ok` in at least half of them cover {mean} % on average, each from "
        f"{spread(own)}, as chance has it. Of {len(seldom)} numbers that are `ok` in fewer there are too few intervals "
        f"to judge each, from {least} to {most}; all of these together cover {pooled(seldom):.1f} %."
    )
    assert stated in sentences("results/README.md"), stated
    chance = math.sqrt((own * (100.0 - own) / often["studies"]).mean())
    stated = (
        f"the {len(often)} numbers that are `ok` in at least half of the studies cover {spread(own)}, with a standard "
        f"deviation of {own.std():.1f}, of which chance alone makes {chance:.1f}, and a mean of {mean}."
    )
    assert stated in sentences("scripts/README.md"), stated


def test_what_rough_intervals_cover():
    skewed, regression = (calibration(f"coverage_{name}", "mcse_rough") for name in ("skewed", "regression"))
    skewed, regression = (table[table["studies"] >= HALF] for table in (skewed, regression))
    worst = skewed[(skewed["errors"] == "lognormal(sigma=1.5)") & (skewed["n"] == 100) & (skewed["studies"] == HALF)]
    against = worst["measure"] == "efficiency"
    (own,) = {*worst[~against]["coverage"]}
    others = worst[against]["coverage"]
    stated = (
        f"covers {regression['coverage'].mean():.1f} % in the regressions and {skewed['coverage'].mean():.1f} % under "
        "lognormal errors, where it is worst for the mean under sigma = 1.5 and n = 100: half of the studies say "
        "`insufficient`, and the others, which happen to hold no far estimates, cover "
        f"{own:.0f} %, efficiencies against it {others.min():.0f} to {others.max():.0f} %."
    )
    assert stated in sentences("scripts/README.md"), stated
    assert set(skewed.nsmallest(len(worst), "coverage").index) == set(worst.index)


def test_what_the_control_variate_gains():
    table = pd.read_csv(ROOT / "results/calibration/gains.csv")
    huber = table[(table["measure"] == "variance") & table["estimator"].str.startswith("huber")]
    t, cauchy = (huber[huber["errors"].str.startswith(name)]["gain"] for name in ("student_t", "cauchy"))
    stated = f"{t.min():.0f} to {t.max():.0f} times for Huber under t errors, {cauchy.min():.1f} to {cauchy.max():.1f}"
    assert f"{stated} times under Cauchy (n = 11 and 20)" in sentences("results/README.md"), stated
    assert {*huber["n"]} == {11, 20}


def rows(document, head):
    """Cells of the rows of the table whose first line begins with `head`, which is its first row."""
    lines = (ROOT / document).read_text().partition("## How fast")[2].splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith(head))
    end = next(k for k in range(first, len(lines)) if not lines[k].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for k, line in enumerate(lines[first:end]) if k != 1]


def measured():
    """(what is fitted, by whom) -> a cell of n = 100 of the tables of scripts/README.md, "1,718" or "895,833 (521)"."""
    found, fit = {}, "location"
    for head, column in (("| | n = 20 |", "n = 100"), ("| | p = 3,", "p = 3, n = 100")):
        names, *body = rows("scripts/README.md", head)
        for who, *cells in body:
            fit, who = re.fullmatch(r"\*\*(.+)\*\*, (.+)", who).groups() if who.startswith("**") else (fit, who)
            found[fit, who] = cells[names[1:].index(column)]
    return found


FITS = {
    "location: mean, median, Huber, Tukey together": "location",
    "regression, p = 3: Huber": "Huber",
    "least absolute deviations": "LAD",
    "MM": "MM",
}
NAMES = {
    "C++": "C++ -O3 -march=native, scalar loop",
    "tuned NumPy": "NumPy, tuned for the cache",
    "statsmodels": "statsmodels RLM",
    "R MASS::rlm": "R MASS::rlm, converged",
    "R quantreg": "R quantreg::rq.fit.br",
    "scikit-learn": "scikit-learn QuantileRegressor",
    "R robustbase": "R robustbase::lmrob.fit",
}


def test_the_speeds_of_the_first_page_are_those_of_the_tables():
    table, (_, *body) = measured(), rows("README.md", "| n = 100 |")
    assert [what for what, *_ in body] == [*FITS]
    for what, own, others in body:
        fit = FITS[what]
        assert own == table[fit, "simcore, one thread" if fit == "location" else "simcore"]
        assert others.count("(") == others.count("), ") + 1
        for other in others.split("), "):
            who, value = re.fullmatch(r"(.+?) ([\d,]+ \([\d,]+)\)?", other).groups()
            assert f"{value})" == table[fit, NAMES[who]], (what, who)


def number(text):
    return float(text.replace(",", ""))


def test_how_many_times_as_long_others_take_is_about_the_ratio_of_the_times():
    """Ratios are medians over rounds of measurement, so not quite those of the times."""
    table = measured()
    for (fit, who), cell in table.items():
        if "(" in cell:
            own = number(table[fit, "simcore, one thread" if fit == "location" else "simcore"])
            time, ratio = map(number, cell.rstrip(")").split(" ("))
            assert ratio == pytest.approx(time / own, rel=0.05, abs=0.5), who
    assert len(table) == 19
