"""Location estimators that minimise no loss: one file each."""
