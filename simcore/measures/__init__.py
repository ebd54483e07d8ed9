"""Performance measures with their Monte Carlo standard errors: one file each."""
