"""Losses: one file each, scalar functions of one standardised residual."""
