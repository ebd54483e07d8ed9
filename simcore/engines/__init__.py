"""Where blocks are computed: one file per engine."""
