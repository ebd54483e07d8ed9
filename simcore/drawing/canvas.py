"""matplotlib without pyplot, settings of the user, or dates: figures are the same bytes from run to run."""

import contextlib
import io

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simcore import files

STYLE = {
    **{"font.family": "DejaVu Sans", "font.size": 7.5, "text.parse_math": False},
    **{"svg.fonttype": "path", "svg.hashsalt": "simcore", "pdf.fonttype": 42},
    **{"axes.titlesize": 7.5, "axes.titlepad": 3.0, "axes.linewidth": 0.6, "axes.axisbelow": True, "axes.grid": True},
    **{"grid.color": "#e3e3e3", "grid.linewidth": 0.5, "xtick.labelsize": 7, "ytick.labelsize": 7},
    **{"xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6},
    **{"legend.fontsize": 7.5, "legend.frameon": False, "legend.columnspacing": 1.5, "legend.borderaxespad": 0},
    **{"hatch.linewidth": 0.5},
}
FORMATS = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}


@contextlib.contextmanager
def style():
    """Within, matplotlib has our settings and nothing of the user's."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def blank(page):
    """A Figure of a page without anything on it."""
    figure = Figure(figsize=(page.width, 1))
    FigureCanvasAgg(figure)
    return figure


def write(figure, name, folder, page):
    """Write all formats, each whole or not at all."""
    files.make_folder(folder)
    for suffix in FORMATS:
        files.replace(folder / f"{name}.{suffix}", rendered(figure, suffix, page.dpi), folder.parent)


def rendered(figure, suffix, dpi):
    """The bytes of a figure in a format."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format=suffix, metadata=FORMATS[suffix], dpi=dpi)
    return drawn.getvalue()


def number(value):
    """A number at an axis, with a minus sign that is one."""
    return f"{value:g}".replace("-", "−")


def rounded(value, digits):
    """A number of so many digits."""
    return number(float(f"{value:.{digits}g}"))
