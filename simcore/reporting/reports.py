"""A finished run as one page of HTML that needs nothing else: answer, figures, numbers, provenance, commands.

Use `report`. The page is the same bytes whenever it is made: it holds no date. Its style and its script stand in
`pages/`; without the script everything is there, unsorted. What the sections show is made in `report_tables` and
`report_records`.
"""

import base64
import functools
import hashlib
import tempfile
from importlib import resources
from pathlib import Path
from string import Template

import simcore
from simcore import files, runs
from simcore.describe import sections
from simcore.errors import UsageError
from simcore.registry import plugins
from simcore.reporting import criteria, markup, report_records, report_tables, sentences, verdicts

NAME = "report.html"
MOST_SVG = 400_000  # bytes of a figure; one that has more is shown as PNG


def report(run, path=None):
    """Write a page about a finished run and return its path.

    run: a Run or the path of a run directory. path: of the page, `report.html` in that directory by default. Raises
    IncompleteError while blocks are missing, DamagedError, and UsageError where the page cannot be written.
    """
    return Report.of(run).write(path)


class Report:
    """A run, its summary `table`, and the `verdicts.Verdict` on it.

    sentences: the answer; notes: what must be known to read it aright.
    """

    def __init__(self, run, table, verdict):
        self.run, self.table, self.verdict = run, table, verdict
        self.sentences = sentences.told(verdict, report_records.replications(table))
        self.notes = sentences.notes(verdict, table)

    @classmethod
    def of(cls, run):
        """The Report on a Run, or on a run directory. Raises IncompleteError, DamagedError, UsageError."""
        run = run if isinstance(run, runs.Run) else runs.open_run(run)
        table, compared = run.summary(), {}
        if plugins("problems")[run.study.problem].exact is None:
            compared = {own.measure: run.comparisons(own.measure) for own in criteria.criteria(table)}
        return cls(run, table, verdicts.decide(table, compared))

    def write(self, path=None):
        """Write the page and return its path. Raises UsageError."""
        target = Path(path) if path is not None else self.run.path / NAME
        if not target.parent.is_dir():
            raise UsageError(f"{target}: there is no folder {target.parent}; make it, or choose another --out")
        if target.is_dir():
            raise UsageError(f"{target}: is a folder; write --out {target / NAME}")
        data = self.page().encode(errors="backslashreplace")
        try:
            files.replace(target, data, self.run.path / "temporary" if path is None else target.parent)
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"{target}: cannot be written ({why}); choose another --out") from error
        return target

    def page(self):
        """The text of the page."""
        study, style, script = self.run.study, _asset("report.css"), _asset("report.js")
        return Template(_asset("report.html")).substitute(
            title=markup.escape(study.title or study.name),
            question=markup.escape(_question(study)),
            answer=markup.listed(self.sentences, ordered=True, kind="sentences")
            + markup.listed(self.notes, kind="note"),
            winners="".join(report_tables.winners(self.table, *own) for own in self.verdict.cases.items()),
            figures="".join(_figures(self.run)),
            summary=report_tables.summary(self.table, self.verdict, report_records.named(self.run.path)),
            study="".join(markup.heading(name) + markup.prose(texts) for name, texts in sections(study)),
            failures=report_tables.failures(self.table, self.verdict),
            cost=report_records.cost(self.run, self.table),
            provenance=report_records.provenance_of(self.run),
            again=report_records.commands(self.run),
            version=markup.escape(simcore.__version__),
            **{"style": style, "script": script, "style_hash": _digest(style), "script_hash": _digest(script)},
        )


def _question(study):
    problem, count = plugins("problems")[study.problem], len(study.estimators)
    if problem.exact:
        return f"Which of these {count} estimators bears outliers best?" if count > 1 else "What do outliers do to it?"
    what = problem.meaning.partition(":")[0]
    if count > 1:
        return f"Which of these {count} estimators of {what} should I use, and how sure is the answer?"
    return f"How good is this estimator of {what}, and how sure is the answer?"


def _figures(run):
    """The figures of a run, as `plot` draws them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "figures"
        for name, figure in runs.plot(run, place).items():
            yield _figure(place, name, figure)


def _figure(folder, name, figure):
    """One of them, from its file."""
    data, kind = (folder / f"{name}.svg").read_bytes(), "svg+xml"
    if len(data) > MOST_SVG:
        data, kind = (folder / f"{name}.png").read_bytes(), "png"
    size = [round(96 * inches) for inches in figure.get_size_inches()]
    return markup.image(data, kind, _alternative(figure), name.replace("_", " "), size)


def _alternative(figure):
    """What a figure shows, in words, from what is written on it."""
    texts = sorted(figure.texts, key=lambda text: text.get_weight() != "bold")  # the title first
    parts = [text.get_text() for text in texts]
    panels = dict.fromkeys(axes.get_title() for axes in figure.axes if axes.get_title())
    curves = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    parts += [f"Panels: {', '.join(panels)}"] if panels else []
    parts += [f"Legend: {', '.join(curves)}"] if curves else []
    parts = (" ".join(part.split()).rstrip(".") for part in (*parts, "The numbers stand in the summary table"))
    return ". ".join(filter(None, parts)) + "."


@functools.cache
def _asset(name):
    return (resources.files("simcore.reporting") / "pages" / name).read_text(encoding="utf-8")


def _digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
