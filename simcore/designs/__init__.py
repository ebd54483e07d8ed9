"""Designs of a regression, the columns beside the intercept: one file each."""
