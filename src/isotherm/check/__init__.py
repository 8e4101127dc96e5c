"""Looking whether everything is there and unchanged."""
