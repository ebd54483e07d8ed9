"""A finished run as one page of HTML that needs nothing else: answer, figures, numbers, provenance, commands.

Use `Report.of(run).write()`. The page is the same bytes whenever it is made: it holds no date. Its style and its script
stand in `pages/`; without the script everything is there, unsorted. What the sections show is made in `report_tables`
and `report_records`.
"""

import base64
import functools
import hashlib
from importlib import resources
from pathlib import Path
from string import Template

import simcore
from simcore import files
from simcore.describe import sections
from simcore.drawing import canvas, gallery, sizes
from simcore.drawing.sources import Source
from simcore.errors import UsageError, writing_to
from simcore.registry import plugins
from simcore.reporting import markup, report_records, report_tables
from simcore.reporting.answers import Answer

NAME = "report.html"
MOST_SVG = 400_000  # bytes of a figure; one that has more is shown as PNG, where that has less
PNG_DPI = 160  # twice what a page shows
_FIRST = "heatmap"  # the kind of figures that answers
_KINDS = {  # kind -> what a figure of it shows
    "heatmap": "each estimator, a line, under each condition, a column",
    "lolly": "each estimator a line, each condition a panel",
    "nested": "every condition, in the order of the steps below the curves",
}


class Report(Answer):
    """An Answer as a page."""

    def write(self, path=None, progress=None):
        """Write the page and return its path. progress: called with (figures drawn, all figures, name) after each.
        Raises UsageError."""
        target = Path(path) if path is not None else self.run.path / NAME
        if not target.parent.is_dir():
            raise UsageError(f"{target}: there is no folder {target.parent}; make it, or choose another --out")
        if target.is_dir():
            raise UsageError(f"{target}: is a folder; write --out {target / NAME}")
        data = self.page(progress).encode(errors="backslashreplace")
        with writing_to(target):
            files.replace(target, data, self.run.path / "temporary" if path is None else target.parent)
        return target

    def page(self, progress=None):
        """The text of the page."""
        study, style, script = self.run.study, _asset("report.css"), _asset("report.js")
        return Template(_asset("report.html")).substitute(
            title=markup.escape(study.heading),
            question=markup.escape(_question(study)),
            answer=markup.listed(self.sentences, ordered=True, kind="sentences")
            + markup.listed(self.notes, kind="note"),
            winners=report_tables.winners_of(self.table, self.verdict),
            figures="".join(self._figures(progress)),
            summary=report_tables.summary(self.table, self.verdict, report_records.named(self.run.path)),
            study="".join(markup.heading(name) + markup.prose(texts) for name, texts in sections(study)),
            failures=report_tables.failures(self.table, self.verdict),
            cost=report_records.cost(self.run, self.table),
            provenance=report_records.provenance_of(self.run),
            again=report_records.commands(self.run),
            version=markup.escape(simcore.__version__),
            **{"style": style, "script": script, "style_hash": _digest(style), "script_hash": _digest(script)},
        )

    def _figures(self, progress):
        """Those that `plot` draws, the ones that answer first."""
        study, page = self.run.study, sizes.page_of("paper")
        source = Source(self.table, study.title or study.name, self.run)
        with canvas.style():
            planned = gallery.planned(source, None, None, page)
            planned.sort(key=lambda one: one[0].name != _FIRST)
            for done, (kind, picture) in enumerate(planned, 1):
                figure, own = gallery.fitted(kind, picture, page)
                yield _figure(figure, own, _caption(kind, picture, source.title))
                if progress is not None:
                    progress(done, len(planned), picture.name)


def _question(study):
    problem, count = plugins("problems")[study.problem], len(study.estimators)
    if problem.exact:
        return f"Which of these {count} estimators bears outliers best?" if count > 1 else "What do outliers do to it?"
    what = problem.meaning.partition(":")[0]
    if count > 1:
        return f"Which of these {count} estimators of {what} should I use, and how sure is the answer?"
    return f"How good is this estimator of {what}, and how sure is the answer?"


def _figure(figure, page, caption):
    """One of them, within the page."""
    data, kind = canvas.rendered(figure, "svg", page.dpi), "svg+xml"
    if len(data) > MOST_SVG:
        png = canvas.rendered(figure, "png", PNG_DPI)
        data, kind = min(((data, kind), (png, "png")), key=lambda one: len(one[0]))
    size = [round(96 * inches) for inches in figure.get_size_inches()]
    return markup.image(data, kind, _alternative(figure), caption, size)


def _caption(kind, picture, title):
    """What a figure shows, in words: the measure, and against what."""
    text = picture.title.removeprefix(title).lstrip(":, ")
    text = text if text.startswith("n ×") else text[:1].upper() + text[1:]
    text = text or title
    against = getattr(picture, "x_label", "")
    if kind.name in _KINDS:
        return f"{text}: {_KINDS[kind.name]}."
    return f"{text}, against the {against}." if against else f"{text}."


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
