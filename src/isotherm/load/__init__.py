"""Files into the hot table, exactly once."""
