"""Files near a path that does not exist, for messages."""
