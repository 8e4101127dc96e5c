"""The right to be forgotten: finding somebody's records, forgetting them, and proving it."""
