"""How estimators and statuses look: colours for all eyes, and markers that tell them apart in grey."""

from matplotlib.colors import to_rgba
from matplotlib.path import Path

from simcore.drawing.drawable import NO_BOUND, ZERO
from simcore.statuses import INSUFFICIENT, MEANINGS, NO_MCSE, OK, ROUGH, UNDEFINED

# Okabe-Ito without its yellow, which is lost on white; then grey and dark tones.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"),
    *("#56B4E9", "#882255", "#7F7F7F", "#6A3D00", "#332288", "#8A8A00"),
)
MARKERS = "os^DvP<>*phd"
SIZES = {"D": 0.85, "d": 1.1, "P": 1.15, "*": 1.4, "p": 1.1, "h": 1.1, "^": 1.1, "v": 1.1, "<": 1.1, ">": 1.1}
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 1.5)))

VALUES = (OK, ROUGH, NO_MCSE)  # statuses of points with a number; the markers of the last two are open
SHAFT, HEAD, TAIL = [(0, -6), (0, 6)], [(-1, 4.5), (0, 6), (1, 4.5)], [(-1, -4.5), (0, -6), (1, -4.5)]
UNLIMITED = Path([*SHAFT, *HEAD, *TAIL], [1, 2, 1, 2, 2, 1, 2, 2])  # arrows: an error that does not exist
MARKS = {UNDEFINED: "x", INSUFFICIENT: "_", ZERO: "1", NO_BOUND: "."}  # statuses of what has no number
TEXTS = {
    **MEANINGS,
    UNDEFINED: "does not exist: the moment is infinite in theory",
    NO_BOUND: "no Cramér-Rao bound is known",
    ZERO: "zero: off the log scale",
}
GREY = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}


def looks(estimators):
    """Colour, marker and line style of each estimator: all three differ, so that grey is enough to tell them apart."""
    found = {}
    for i, estimator in enumerate(estimators):
        turn, k = divmod(i, len(COLOURS))
        marker, dash = MARKERS[(k + turn) % len(MARKERS)], DASHES[(k + turn) % len(DASHES)]
        found[estimator] = {"color": COLOURS[k], "marker": marker, "linestyle": dash}
    return found


def marker(look, status):
    """Line2D properties of a look: a full marker, or an open one where its Monte Carlo error is not known well."""
    size, face = 3.8 * SIZES.get(look["marker"], 1.0), look["color"] if status == OK else "white"
    return {**look, "markersize": size, "markerfacecolor": face, "markeredgewidth": 0.8, "linewidth": 0.9}


def band(colour):
    """Properties of the area within two standard errors of a line."""
    return {"facecolor": to_rgba(colour, 0.2), "edgecolor": to_rgba(colour, 0.5), "linewidth": 0.4}


def arrows(colour):
    return {"marker": UNLIMITED, "markersize": 11, "color": colour, "markerfacecolor": "none", "markeredgewidth": 0.5}


def of_statuses(statuses, texts=TEXTS):
    """Label -> look, in grey, of those statuses of points that need to be explained."""
    found = {ROUGH: marker(GREY, ROUGH), NO_MCSE: {**marker(GREY, NO_MCSE), **arrows(GREY["color"])}}
    found |= {status: {**GREY, "marker": mark} for status, mark in MARKS.items()}
    return {texts[status]: look for status, look in found.items() if status in statuses}
