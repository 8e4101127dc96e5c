"""Plans: pure functions from (policy, inventory, requests, as-of) to frozen lists of moves."""
