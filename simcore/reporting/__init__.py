"""From a run to one page: `criteria` says what is better, `contests` compares, `verdicts` decides, `sentences` tells,
and `reports` makes the page, of the template, style and script in `pages/`."""
