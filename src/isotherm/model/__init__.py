"""What Isotherm speaks of: periods, tiers, policies, datasets, parts. Pure."""
