"""From a run to figures: `sources` says what one can be drawn from, `figures/` has the kinds, `gallery` picks them.

What a figure shows is decided by `factors`, `drawable`, `views`, `panels`, `takes`, `cells` and `slices`, how large it
is by `scales`, `sizes` and `sheets`, how it looks by `looks`, `canvas`, `frames`, `rulers`, `strips`, `colour_bars` and
`captions`.
"""
