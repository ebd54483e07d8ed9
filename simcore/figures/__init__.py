"""Kinds of figures, one file each: what it needs of a run, whether it suits it, what it shows, and how it is drawn."""
