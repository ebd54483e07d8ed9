"""What happens to some observations: one file per kind."""
