"""The figures of a study: which kinds suit it, and their files as SVG, PNG and PDF.

Use `draw`.
"""

import importlib
from pathlib import Path

from simcore.drawing import canvas, factors, frames, sizes
from simcore.drawing.sources import KINDS
from simcore.errors import UsageError, writing_to
from simcore.registry import unknown


def draw(source, folder, kinds=None, measures=None, style="paper", progress=None):
    """Draw the figures of a `sources.Source` and write them to folder; returns name -> matplotlib Figure.

    kinds: names in `sources.KINDS`, "all" for those that can be drawn; None: those that suit the factors at hand.
    measures: a name or several, those to show; None: those that are most looked at. style: in `sizes.PAGES`. progress:
    called with (figures written, all figures, name) after each. Raises UsageError.
    """
    page, drawn = sizes.page_of(style), {}
    measures = [measures] if isinstance(measures, str) else measures
    measures = factors.measures_of(source.table, measures) if measures else None
    with canvas.style():
        for kind, picture in planned(source, kinds, measures, page):
            drawn[picture.name] = fitted(kind, picture, page)
        for done, (name, (figure, own)) in enumerate(drawn.items(), 1):
            with writing_to(folder):
                canvas.write(figure, name, Path(folder), own)
            if progress is not None:
                progress(done, len(drawn), name)
    return {name: figure for name, (figure, _) in drawn.items()}


def planned(source, kinds, measures, page):
    """(kind, picture) of each figure that `draw` draws."""
    return [(kind, picture) for kind in chosen(source, kinds) for picture in kind.pictures(source, measures, page)]


def fitted(kind, picture, page):
    """A figure, and the page that has room for it."""
    while True:
        try:
            return kind.figure(picture, page), page
        except frames.Crowded:
            page = page.larger


def chosen(source, kinds=None):
    """The Kinds of these names. Raises UsageError for one that cannot be drawn from this source."""
    every = {name: importlib.import_module(f"simcore.figures.{name}").KIND for name in KINDS}
    if kinds is None:
        return [kind for kind in every.values() if kind.suits(source) and not kind.lacking(source)]
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "all" in kinds:
        return [kind for kind in every.values() if not kind.lacking(source)]
    for name in kinds:
        if name not in every:
            raise UsageError(f"kind: unknown kind of figures (got {name!r}), {unknown(name, [*every, 'all'])}")
        if why := every[name].lacking(source):
            raise UsageError(f"kind: no {name} figure of this run: {why}")
    return [every[name] for name in dict.fromkeys(kinds)]
