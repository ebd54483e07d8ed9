"""From a run to one page: `criteria` says what is better, `contests` compares, `verdicts` decides who is best where,
`regrets` whose worst case is the least; `recommendation`, `sentences` and `undecided` tell, of `conditions` in words.
`answers` has all of that for a run, and `reports` makes the page, of the template, style and script in `pages/`."""
