"""Error distributions in standard form: one file each."""
