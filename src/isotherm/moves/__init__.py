"""The moves, one file each, and the runner that takes them through their transaction."""
