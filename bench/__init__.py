"""Ratios against hand-written SQL on the same data in the same run. Never timed tests."""
